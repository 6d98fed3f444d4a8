"""What the names of a template stand for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn

import jinja2

from segflow.errors import did_you_mean
from segflow.specs.template_names import CONTACT, COUPONS, EVENT


class Unknown(jinja2.StrictUndefined):
    """What is not there at all. A list prints its parts by `repr`, and would print it as a word."""

    __slots__ = ()

    __repr__ = jinja2.Undefined._fail_with_undefined_error


class Missing(jinja2.Undefined):
    """A contact attribute without a value: false in `if`, replaced by `default(...)`, an error when printed.

    It equals nothing, another missing value included, as in conditions.
    """

    __slots__ = ()

    __str__ = __repr__ = __iter__ = __len__ = jinja2.Undefined._fail_with_undefined_error

    def __eq__(self, other: object) -> bool:
        return False

    def __ne__(self, other: object) -> bool:
        return True

    __hash__ = object.__hash__


class Values:
    """The contact's attributes, or the values of another name. Not a dict: `contact.items` must be an attribute and not
    a method.

    A name that it cannot have fails the message at once, before `default(...)` or `is defined` hide it.
    """

    __slots__ = ("_named", "_values")

    def __init__(self, named: str, values: Mapping[str, Any]) -> None:
        self._named, self._values = named, values

    def __getitem__(self, name: str) -> Any:
        if name in self._values:
            value = self._values[name]
            # Made when it is asked for: a template reads few of what a contact has.
            return value_of(f"{self._named}.{name}", value) if value is None or isinstance(value, datetime) else value
        near = did_you_mean(str(name), list(self._values))
        raise jinja2.UndefinedError(f"{self._named} has no {_PARTS.get(self._named, 'part')} {name}{near}")

    def __getattr__(self, name: str) -> Any:
        """For the filter `attr`, which looks at no items. Names with underscores are Python's own."""
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def _whole(self, *_: object) -> NoReturn:
        part = (
            "an attribute, like contact.contact_id" if self._named == CONTACT else f"a part of it: {self._named}.NAME"
        )
        raise jinja2.UndefinedError(f"{self._named} is no value: name {part}")

    # Without these Python would print the object, and look for an end of the "sequence" that __getitem__ makes of it.
    __str__ = __iter__ = __contains__ = _whole


_PARTS = {CONTACT: "attribute", EVENT: "property", COUPONS: "code of step"}


def value_of(name: str, value: Any) -> Any:
    """A value as templates see it: what is missing fails where it is printed, and times are aware."""
    if value is None:
        when = "for such contacts" if name.startswith(f"{CONTACT}.") else "where that may be"
        return Missing(f"{name} is missing; write {{{{ {name} | default('...') }}}} {when}", name=name)
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value
