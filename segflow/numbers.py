"""Numbers as decimal values: what the warehouse computes exactly stays exact, and is shown as briefly as it can be."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Context, Decimal
from typing import Any

PLACES = 12
"""Digits after the point that a number has at most; more are rounded where values are read, and refused in specs."""
LARGEST = 10**20
"""What a larger number of the data counts as. Specs cannot ask for more."""


_ALL_DIGITS = Context(prec=100)
"""The usual context rounds to 28 digits, which is less than the warehouse keeps."""
_FINEST = Decimal(1).scaleb(-PLACES)


class Number(Decimal):
    """A decimal number that is shown as people write it (`0.8`, `0.0000001`), and reckons and compares with floats,
    each of which counts as its shortest text, so that `{{ contact.balance * 1.19 }}` is what a calculator says."""

    def __str__(self) -> str:
        return format(plain(self), "f") if self.is_finite() else super().__str__()

    __repr__ = __str__
    __hash__ = Decimal.__hash__

    def __neg__(self) -> Number:
        return Number(super().__neg__())

    def __abs__(self) -> Number:
        return Number(super().__abs__())

    def __round__(self, digits: int | None = None) -> Any:
        found = super().__round__() if digits is None else super().__round__(digits)
        return Number(found) if isinstance(found, Decimal) else found


def _reckoning(name: str) -> Callable[[Number, Any], Any]:
    exact: Callable[[Decimal, Any], Any] = getattr(Decimal, name)

    def reckon(self: Number, other: Any) -> Any:
        found = exact(self, Decimal(repr(other)) if isinstance(other, float) else other)
        return Number(found) if isinstance(found, Decimal) else found

    return reckon


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
    for _method in (f"__{_name}__", f"__r{_name}__"):
        setattr(Number, _method, _reckoning(_method))
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(Number, f"__{_name}__", _reckoning(f"__{_name}__"))


def plain(value: Decimal | float) -> Decimal:
    """The decimal value of a number, without zeros at its end. A float counts as its shortest text."""
    exact = Decimal(value) if isinstance(value, (Decimal, int)) else Decimal(repr(value))
    whole = exact.to_integral_value()
    return whole if exact == whole else _ALL_DIGITS.normalize(exact)


def plain_text(value: Decimal | float) -> str:
    """A number without exponent and without zeros at its end: `0.0000001`, `100`."""
    return format(plain(value), "f")


def shown(value: Decimal) -> int | Number:
    """What a decimal of the warehouse is in Python: an int when it is whole, which is what most numbers are. An average
    has one place more in the warehouse, which is a sign and no digit, and is rounded away."""
    exact = plain(_ALL_DIGITS.quantize(value, _FINEST))
    return int(exact) if exact == exact.to_integral_value() else Number(exact)


def number_problem(text: str) -> str | None:
    """Why a number with a fraction or an exponent, as a spec has it, cannot be compared exactly; None when it can."""
    value = Decimal(text)
    if abs(value) > LARGEST:
        return "is not a number that can be compared; put it in quotes to make it text"
    if int(_ALL_DIGITS.normalize(value).as_tuple().exponent) < -PLACES:
        return f"has more than {PLACES} digits after the point, which no number is compared by"
    if Decimal(repr(float(text))) != value:
        return "has too many digits: at most 15 are kept of a number with a fraction"
    return None
