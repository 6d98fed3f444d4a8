"""Operators as they are written in YAML: one test of a value, bounds on a number."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, PlainSerializer, PlainValidator, Tag, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from segflow.durations import Duration
from segflow.specs.calendar import Near, Period
from segflow.specs.types import Identifier, Number, Scalar, SpecModel, by_kind

TEXT_OPERATORS = ("contains", "not_contains", "starts_with", "ends_with", "matches")
OPERATORS = (
    "is", "is_not", "in", "not_in", "gt", "gte", "lt", "lte", "between", *TEXT_OPERATORS, "is_set", "is_not_set",
    "before", "after", "on", "within", "not_within", "within_last", "not_within_last", "within_next", "anniversary",
)  # fmt: skip
NEGATIVE_OF = {
    "is_not": "is", "not_in": "in", "not_contains": "contains", "not_within_last": "within_last",
    "not_within": "within", "is_not_set": "is_set",
}  # fmt: skip
"""Each is the exact complement: true wherever the other is false, missing values included."""


def _field_of(operator: str) -> str:
    return f"{operator}_" if operator in ("is", "in") else operator


class OtherAttribute(SpecModel):
    """`{attribute: billing_city}` in place of a value: what the contact has there."""

    attribute: Identifier


def _or_attribute(value: Any, kind: type) -> Any:
    """`value`, a text or (kind: object) any scalar, or the attribute that it names. One validator in place of a
    union, as for Scalar."""
    if isinstance(value, dict) and list(value) == ["attribute"]:
        with suppress(ValidationError):
            return OtherAttribute.model_validate(value)
    if isinstance(value, (OtherAttribute, str) if kind is str else (OtherAttribute, bool, int, float, str)):
        return value
    if kind is str and not isinstance(value, dict):
        raise PydanticCustomError("string_type", "expected a text")
    if not isinstance(value, dict):
        raise PydanticCustomError("scalar", "expected one value: a text, a number, true or false")
    raise PydanticCustomError("operand", "expected one value, or an attribute to compare with: {attribute: NAME}")


def _plain(value: Any) -> Any:
    return value.model_dump() if isinstance(value, OtherAttribute) else value


# Without a serializer of its own pydantic serializes the other attribute twice and warns of what it made itself.
Operand = Annotated[
    bool | int | float | str | OtherAttribute,
    PlainValidator(
        lambda value: _or_attribute(value, object), json_schema_input_type=bool | float | str | OtherAttribute
    ),
    PlainSerializer(_plain),
]
TextOperand = Annotated[
    str | OtherAttribute,
    PlainValidator(lambda value: _or_attribute(value, str), json_schema_input_type=str | OtherAttribute),
    PlainSerializer(_plain),
]


def _day(value: Any) -> Any:
    """A date or time, the name of a day, a day counted from today, or the attribute that holds one."""
    if isinstance(value, Near):
        return value
    if isinstance(value, dict) and set(value) & set(Near.model_fields):
        return Near.model_validate(value)
    if isinstance(value, dict) and list(value) != ["attribute"]:
        raise PydanticCustomError(
            "operand", "expected a date, a day like {ago: 2 days}, or an attribute to compare with: {attribute: NAME}"
        )
    return _or_attribute(value, str)


def _since(value: Any) -> Any:
    """The same without attributes."""
    if isinstance(value, dict) and not set(value) & set(Near.model_fields):
        raise PydanticCustomError("operand", "expected a date or time, or a day like {ago: 2 days}")
    return _day(value)


def _plain_day(value: Any) -> Any:
    return value.model_dump(exclude_unset=True) if isinstance(value, Near) else _plain(value)


DayOperand = Annotated[
    str | Near | OtherAttribute,
    PlainValidator(_day, json_schema_input_type=str | Near | OtherAttribute),
    PlainSerializer(_plain_day),
]
Moment = Annotated[str | Near, PlainValidator(_since, json_schema_input_type=str | Near), PlainSerializer(_plain_day)]
"""What `since` and `until` take."""


class Anniversary(SpecModel):
    """The day and month of a date come round within the next span, today included. 29 February counts as 28
    in years that have none."""

    within_next: Duration


class Test(SpecModel):
    """Exactly one operator, applied to a value. `ignore_case` is for text only."""

    is_: Operand | None = Field(None, alias="is")
    is_not: Operand | None = None
    in_: Annotated[list[Scalar], Field(min_length=1)] | None = Field(None, alias="in")
    not_in: Annotated[list[Scalar], Field(min_length=1)] | None = None
    gt: Operand | None = None
    gte: Operand | None = None
    lt: Operand | None = None
    lte: Operand | None = None
    between: Annotated[list[Scalar], Field(min_length=2, max_length=2)] | None = None
    """Both ends included."""
    contains: TextOperand | None = None
    not_contains: TextOperand | None = None
    starts_with: TextOperand | None = None
    ends_with: TextOperand | None = None
    matches: str | None = None
    """A regular expression that some part of the text must match."""
    is_set: bool | None = None
    is_not_set: Literal[True] | None = None
    before: DayOperand | None = None
    after: DayOperand | None = None
    on: DayOperand | None = None
    within: Period | None = None
    """A part of the calendar, in the project's zone."""
    not_within: Period | None = None
    within_last: Duration | None = None
    not_within_last: Duration | None = None
    within_next: Duration | None = None
    anniversary: (
        Annotated[
            Annotated[Literal["today"], Tag("<text>")] | Annotated[Anniversary, Tag("<mapping>")],
            Discriminator(
                by_kind,
                custom_error_type="anniversary",
                custom_error_message="anniversary must be today, or a span like {within_next: 7 days}",
            ),
        ]
        | None
    ) = None
    ignore_case: bool = False

    def operator(self) -> tuple[str, Any]:
        """The one operator given, as it is written in YAML, and its operand."""
        return self._given()[0]

    def _given(self) -> list[tuple[str, Any]]:
        return [
            (name, getattr(self, _field_of(name))) for name in OPERATORS if _field_of(name) in self.model_fields_set
        ]

    def _one_operator(self) -> None:
        given = self._given()
        if len(given) != 1:
            found = f"found {', '.join(name for name, _ in given)}" if given else "found none"
            raise PydanticCustomError(
                "operator",
                "a condition takes exactly one operator, {found}; combine several with all:",
                {"found": found},
            )
        name, operand = given[0]
        if operand is None:
            raise PydanticCustomError(
                "operator",
                "{given}: needs a value; to test for a missing value write is_not_set: true",
                {"given": name},
            )

    @model_validator(mode="after")
    def _check(self) -> Test:
        self._one_operator()
        return self


class NumberTest(SpecModel):
    """Bounds on a count or on a number; several must all hold. A bare number means equality."""

    is_: Number | None = Field(None, alias="is")
    gt: Number | None = None
    gte: Number | None = None
    lt: Number | None = None
    lte: Number | None = None
    between: Annotated[list[Number], Field(min_length=2, max_length=2)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: Any) -> Any:
        return {"is": value} if isinstance(value, (int, float)) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _some(self) -> NumberTest:
        if not self.model_fields_set or any(getattr(self, name) is None for name in self.model_fields_set):
            raise PydanticCustomError(
                "number", "give a number, or bounds like {gte: 1} (is, gt, gte, lt, lte, between)"
            )
        return self


class MeasureTest(NumberTest):
    """`sum: {property: amount, gte: 100}`; objects write `field:`."""

    property: Identifier | None = None
    field: Identifier | None = None

    @model_validator(mode="after")
    def _some(self) -> MeasureTest:
        bounds = self.model_fields_set - {"property", "field"}
        if (self.property is None) == (self.field is None):
            raise PydanticCustomError("measure", "name what is measured: property: for events, field: for objects")
        if not bounds or any(getattr(self, name) is None for name in bounds):
            raise PydanticCustomError("measure", "give bounds like gte: 100 (is, gt, gte, lt, lte, between)")
        return self


class HeldFor(SpecModel):
    """`held_for: {gte: 30 days}`: for how long the attribute has had its present value; several must all hold."""

    gt: Duration | None = None
    gte: Duration | None = None
    lt: Duration | None = None
    lte: Duration | None = None

    @model_validator(mode="after")
    def _some(self) -> HeldFor:
        if not self.bounds():
            raise PydanticCustomError("measure", "give bounds like gte: 30 days (gt, gte, lt, lte)")
        return self

    def bounds(self) -> list[tuple[str, Duration]]:
        """The bounds given, by name."""
        return [(name, getattr(self, name)) for name in ("gt", "gte", "lt", "lte") if getattr(self, name) is not None]


class ValueTest(Test):
    """`last: {property: category, is: tea}`: any operator, on the smallest, largest, first or last value."""

    property: Identifier | None = None
    field: Identifier | None = None

    @model_validator(mode="after")
    def _check(self) -> ValueTest:
        if (self.property is None) == (self.field is None):
            raise PydanticCustomError("measure", "name what is read: property: for events, field: for objects")
        self._one_operator()
        return self


class TimeTest(Test):
    """`last_time: {within_last: 3 months}`: when the first or last row was; any operator of a timestamp."""


class Added(Test):
    """`added: {within_last: 7 days}`, `added: {since: enrollment}`"""

    since: Moment | None = None
    """An ISO date or time or a day like `{ago: 2 days}`, included;
    inside a flow also `enrollment`, `last_tick` or the id of a step."""

    @model_validator(mode="after")
    def _check(self) -> Added:
        if self.since is None:
            self._one_operator()
        elif self.model_fields_set != {"since"}:
            (other, *_) = sorted(self.model_fields_set - {"since"})
            raise PydanticCustomError(
                "operator",
                "since says it all; remove {found}, or combine two conditions with all:",
                {"found": other.rstrip("_")},
            )
        return self


class PeriodTest(NumberTest):
    """`days: {of_last: 7, gte: 5}`: on how many of the last 7 days it happened. A day is 24 hours before `as_of`, a
    week 7 of these, a month one calendar step."""

    of_last: Annotated[int, Field(ge=1, le=366)]

    @model_validator(mode="after")
    def _some(self) -> PeriodTest:
        bounds = self.model_fields_set - {"of_last"}
        if not bounds or any(getattr(self, name) is None for name in bounds):
            raise PydanticCustomError("measure", "give bounds like gte: 5 (is, gt, gte, lt, lte, between)")
        return self
