"""`update_contact`: changes attributes of the contact."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from segflow.specs.spec_file import Loc
from segflow.specs.steps.base import Checks, Row, Step, Update
from segflow.specs.types import NUMBERS, Identifier, Number, Scalar, SpecModel

NOW = "now"
_TIMES = ("date", "timestamp")


class Change(SpecModel):
    """A value that is reckoned: `{increment: 1}`, or `{template: "{{ contact.city | upper }}"}`."""

    increment: Number | None = None
    """Is added to what the contact has; where that is nothing, to 0."""
    template: str | None = None
    """Filled for each contact; an empty text clears the attribute."""

    @model_validator(mode="after")
    def _one(self) -> Change:
        if (self.increment is None) == (self.template is None):
            raise PydanticCustomError("change", "give either increment: or template:")
        return self


def _kind(value: Any) -> str:
    if value is None:
        return "<null>"
    return "<change>" if isinstance(value, (dict, BaseModel)) else "<value>"


_Value = Annotated[
    Annotated[Scalar, Tag("<value>")] | Annotated[None, Tag("<null>")] | Annotated[Change, Tag("<change>")],
    Discriminator(_kind),
]


class UpdateContactStep(Step):
    """Sets attributes; null clears one, and `now` is the tick's time in a date or timestamp."""

    key = "update_contact"
    order = 42

    update_contact: Annotated[dict[Identifier, _Value], Field(min_length=1)]
    on_failure: Literal["continue", "end"] = "continue"
    """`end`: the enrollment ends when a template could not be filled."""

    def check(self, checks: Checks, loc: Loc) -> None:
        for name, value in self.update_contact.items():
            at = (*loc, self.key, name)
            if checks.attribute(name, at):
                checks.written_by_flows(name, at)
                self._check_value(checks, name, value, at)

    def _check_value(self, checks: Checks, name: str, value: Any, at: Loc) -> None:
        kind = checks.catalog.contacts.attributes[name].type
        if isinstance(value, Change):
            if value.template is not None:
                checks.texts({"template": value.template}, at)
            elif kind not in NUMBERS:
                checks.problem((*at, "increment"), f"increment adds to numbers; {name} is a {kind}")
            else:
                checks.literal(value.increment, name, (*at, "increment"))
        elif value is not None and not (value == NOW and kind in _TIMES):
            checks.literal(value, name, at)

    def row(self) -> Row:
        return Row(detail=", ".join(sorted(self.update_contact)))

    def updates(self) -> Sequence[Update]:
        return [_update(name, value) for name, value in self.update_contact.items()]

    def words(self) -> str:
        return f"set {', '.join(sorted(self.update_contact))}"

    @classmethod
    def suggested_id(cls, body: Any) -> Sequence[Any]:
        return ("update", *list(body)[:2]) if isinstance(body, dict) and body else (cls.key,)


def _update(name: str, value: Any) -> Update:
    if isinstance(value, Change):
        if value.template is not None:
            return Update("attribute", name, value.template, "fill")
        return Update("attribute", name, format(Decimal(str(value.increment)), "f"), "add")
    return Update("attribute", name, _text(value), "now" if value == NOW else "set")


def _text(value: Any) -> str | None:
    return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)
