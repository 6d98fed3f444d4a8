"""Jinja's sandbox, bounded: no template may hang a tick or fill the memory, by intent or by a slip of the pen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from jinja2.exceptions import SecurityError
from jinja2.filters import do_format
from jinja2.sandbox import SandboxedEnvironment

from segflow.outbox.values import Values

MAX_OUTPUT = 1_000_000
"""Characters that one text of a message may have."""
MAX_LOOPS = 10_000
"""Numbers that all `range(...)` of one text may give together."""
_MAX_POWER = 64
_MAX_WIDTH = 999
_PADDING = frozenset({"center", "expandtabs", "ljust", "rjust", "zfill"})
# Widths of four digits, or widths that are values themselves.
_WIDE_BRACES = re.compile(r"\{[^{}]*:[^{}]*(\d{4}|\{)")
_WIDE_PERCENT = re.compile(r"%[^A-Za-z%]*(\d{4}|\*)")


class Environment(SandboxedEnvironment):
    """Jinja's sandbox with the ways closed in which a slip of the pen makes gigabytes."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        for name, position in (("center", 1), ("indent", 1)):
            self.filters[name] = _narrow(self.filters[name], position)
        self.filters["format"] = _checked_format
        # json.dumps takes no decimals.
        self.policies["json.dumps_kwargs"] = {"sort_keys": True, "default": _as_json}

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, str) and attr in _PADDING:
            return False
        return super().is_safe_attribute(obj, attr, value)

    def getattr(self, obj: Any, attribute: str) -> Any:
        # All that they have are values: there is nothing that the sandbox would have to look at.
        if type(obj) is Values and not attribute.startswith("_"):
            return obj[attribute]
        return super().getattr(obj, attribute)

    def wrap_str_format(self, value: Any) -> Any:
        if getattr(value, "__name__", "") in ("format", "format_map"):
            text = getattr(value, "__self__", None)
            if isinstance(text, str) and _WIDE_BRACES.search(text):
                raise SecurityError("the format is too wide")
        return super().wrap_str_format(value)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        sequences = [value for value in (left, right) if hasattr(value, "__len__")]
        if sequences and operator == "%":
            raise SecurityError("the % operator works on numbers only; to join texts write ~")
        if sequences and operator == "*":
            times = right if sequences[0] is left else left
            if isinstance(times, int) and len(sequences[0]) * times > MAX_OUTPUT:
                raise SecurityError("the text is repeated too often")
        if operator == "**" and (abs(right) > _MAX_POWER or abs(left) > 10**_MAX_POWER):
            raise SecurityError("the power is too large")
        return super().call_binop(context, operator, left, right)


class Loops:
    """Jinja bounds one range only: two nested ones would still run for hours."""

    def __init__(self) -> None:
        self._left = MAX_LOOPS

    def range(self, *bounds: int) -> Iterator[int]:
        for number in range(*bounds):
            self._left -= 1
            if self._left < 0:
                raise SecurityError(f"loops over range() run more than {MAX_LOOPS:,} times")
            yield number


def _narrow(padding: Callable[..., Any], position: int) -> Callable[..., Any]:
    """The filter, refusing widths that no message has. `position` of the width among its arguments."""

    def checked(*arguments: Any, **named: Any) -> Any:
        width = named.get("width", arguments[position] if len(arguments) > position else 0)
        if isinstance(width, int) and width > _MAX_WIDTH:
            raise SecurityError(f"a width of {width} is too large")
        return padding(*arguments, **named)

    return checked


def _as_json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"cannot write {type(value).__name__} as JSON")


def _checked_format(value: str, *arguments: Any, **named: Any) -> str:
    if _WIDE_PERCENT.search(str(value)):
        raise SecurityError("the format is too wide")
    return do_format(value, *arguments, **named)
