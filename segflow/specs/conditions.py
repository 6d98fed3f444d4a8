"""Conditions as they are written in YAML: `all / any / none / not` over leaves.

One condition is one mapping; the key that names it (`attribute`, `event`, ...) selects the model, so an error is
reported against the one shape that was meant and not against all of them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from segflow.specs.types import Duration, Identifier, Number, Scalar, SpecModel, by_kind

TEXT_OPERATORS = ("contains", "not_contains", "starts_with", "ends_with", "matches")
OPERATORS = (
    "is", "is_not", "in", "not_in", "gt", "gte", "lt", "lte", "between", *TEXT_OPERATORS, "is_set",
    "before", "after", "on", "within_last", "not_within_last", "within_next", "anniversary",
)  # fmt: skip
NEGATIVE_OF = {"is_not": "is", "not_in": "in", "not_contains": "contains", "not_within_last": "within_last"}


def _field_of(operator: str) -> str:
    return f"{operator}_" if operator in ("is", "in") else operator


class Anniversary(SpecModel):
    """The day and month of a date come round within the next span, today included. 29 February counts as 28
    in years that have none."""

    within_next: Duration


class Test(SpecModel):
    """Exactly one operator, applied to a value. `case_insensitive` is for text only."""

    is_: Scalar | None = Field(None, alias="is")
    is_not: Scalar | None = None
    in_: Annotated[list[Scalar], Field(min_length=1)] | None = Field(None, alias="in")
    not_in: Annotated[list[Scalar], Field(min_length=1)] | None = None
    gt: Scalar | None = None
    gte: Scalar | None = None
    lt: Scalar | None = None
    lte: Scalar | None = None
    between: Annotated[list[Scalar], Field(min_length=2, max_length=2)] | None = None
    """Both ends included."""
    contains: str | None = None
    not_contains: str | None = None
    starts_with: str | None = None
    ends_with: str | None = None
    matches: str | None = None
    """A regular expression that some part of the text must match."""
    is_set: bool | None = None
    before: str | None = None
    after: str | None = None
    on: str | None = None
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
    case_insensitive: bool = False

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
                "{given}: needs a value; to test for a missing value write is_set: false",
                {"given": name},
            )

    @model_validator(mode="after")
    def _check(self) -> Test:
        self._one_operator()
        return self


class AttributeCondition(Test):
    """`{attribute: city, is: London}`"""

    attribute: Identifier


class PropertyCondition(Test):
    """Inside `event.where`: `{property: category, is: tea}`"""

    property: Identifier


class FieldCondition(Test):
    """Inside `object.where`: `{field: status, is: paid}`"""

    field: Identifier


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


PERIODS = ("days", "weeks", "months")
TURNS = ("stopped", "restarted")
AGGREGATES = (
    "count", "sum", "avg", "min", "max", "count_distinct", "first", "last", "first_time", "last_time", *PERIODS, *TURNS,
)  # fmt: skip


class _Rows(SpecModel):
    """What `event` and `object` share: a window, and at most one aggregate (default: at least one row)."""

    within_last: Duration | None = None
    not_within_last: Duration | None = None
    """Longer ago than this; with `within_last`, which must be longer, between the two."""
    since: str | None = None
    """An ISO date or time, included; or `enrollment` inside a flow."""
    until: str | None = None
    """An ISO date or time, excluded."""
    count: NumberTest | None = None
    sum: MeasureTest | None = None
    avg: MeasureTest | None = None
    min: ValueTest | None = None
    max: ValueTest | None = None
    count_distinct: MeasureTest | None = None
    first: ValueTest | None = None
    last: ValueTest | None = None
    first_time: TimeTest | None = None
    """When the first row was; missing when there is none."""
    last_time: TimeTest | None = None
    days: PeriodTest | None = None
    weeks: PeriodTest | None = None
    months: PeriodTest | None = None
    stopped: Duration | None = None
    """It happened in the window before the last one, and not in the last one."""
    restarted: Duration | None = None
    """It happened in the last window, not in the one before, and at some time before that."""

    @model_validator(mode="after")
    def _one_of_each(self) -> _Rows:
        given = [name for name in AGGREGATES if getattr(self, name) is not None]
        if len(given) > 1:
            raise PydanticCustomError(
                "aggregate",
                "one aggregate per condition, found {found}; combine several with all:",
                {"found": ", ".join(given)},
            )
        windows = [name for name in ("within_last", "not_within_last") if getattr(self, name) is not None]
        fixed = self.since is not None or self.until is not None
        if fixed and windows:
            found = ", ".join([*windows, "since/until"])
            raise PydanticCustomError("window", "one window per condition, found {found}", {"found": found})
        if (fixed or windows) and given and given[0] in (*PERIODS, *TURNS):
            found = windows[0] if windows else "since" if self.since is not None else "until"
            raise PydanticCustomError(
                "window",
                "{given} says which time it is about; remove {found}",
                {"given": given[0], "found": found},
            )
        return self

    def aggregate(self) -> tuple[str, NumberTest | MeasureTest | ValueTest | TimeTest | Duration]:
        """The aggregate's name and its test; `count >= 1` when none is given."""
        for name in AGGREGATES:
            test = getattr(self, name)
            if test is not None:
                return name, test
        return "count", NumberTest.model_validate({"gte": 1})


def _key_of(names: tuple[str, ...]) -> Any:
    """A discriminator: which of `names` the mapping has. None when there is not exactly one."""

    def pick(value: Any) -> str | None:
        if isinstance(value, dict):
            found = [name for name in names if name in value]
            return f"<{found[0]}>" if len(found) == 1 else None
        # A model: asked for when it is written out again. `not_` stands for `not`.
        fields = getattr(type(value), "model_fields", {})
        return next((f"<{name}>" for name in names if name in fields or f"{name}_" in fields), None)

    return pick


class PropertyAll(SpecModel):
    all: Annotated[list[PropertyNode], Field(min_length=1)]


class PropertyAny(SpecModel):
    any: Annotated[list[PropertyNode], Field(min_length=1)]


class PropertyNone(SpecModel):
    none: Annotated[list[PropertyNode], Field(min_length=1)]


class PropertyNot(SpecModel):
    not_: PropertyNode = Field(alias="not")


PropertyNode = Annotated[
    Annotated[PropertyAll, Tag("<all>")]
    | Annotated[PropertyAny, Tag("<any>")]
    | Annotated[PropertyNone, Tag("<none>")]
    | Annotated[PropertyNot, Tag("<not>")]
    | Annotated[PropertyCondition, Tag("<property>")]
    | Annotated[FieldCondition, Tag("<field>")],
    Discriminator(
        _key_of(("all", "any", "none", "not", "property", "field")),
        custom_error_type="condition",
        custom_error_message="not a condition: expected exactly one of all, any, none, not, property, field",
    ),
]


class EventCondition(_Rows):
    """`{event: purchase, within_last: 30 days, count: {gte: 2}}`"""

    event: Identifier
    where: PropertyNode | None = None


class ObjectCondition(_Rows):
    """`{object: order, where: {field: status, is: paid}, sum: {field: total, gte: 100}}`"""

    object: Identifier
    where: PropertyNode | None = None


class ListCondition(SpecModel):
    list: str


class TagCondition(SpecModel):
    tag: str


class SegmentCondition(SpecModel):
    """Is a member of another segment."""

    segment: Identifier


class Everyone(SpecModel):
    everyone: Literal[True]


class Enters(SpecModel):
    """Only in flows: the contact entered the segment since the enrollment."""

    enters: Identifier


class Exits(SpecModel):
    """Only in flows: the contact exited the segment since the enrollment."""

    exits: Identifier


class All(SpecModel):
    all: Annotated[list[Condition], Field(min_length=1)]


class Any_(SpecModel):
    any: Annotated[list[Condition], Field(min_length=1)]


class None_(SpecModel):
    none: Annotated[list[Condition], Field(min_length=1)]


class Not(SpecModel):
    not_: Condition = Field(alias="not")


CONDITION_KEYS = (
    "all", "any", "none", "not", "attribute", "event", "object", "list", "tag", "segment", "everyone",
    "enters", "exits",
)  # fmt: skip

Condition = Annotated[
    Annotated[All, Tag("<all>")]
    | Annotated[Any_, Tag("<any>")]
    | Annotated[None_, Tag("<none>")]
    | Annotated[Not, Tag("<not>")]
    | Annotated[AttributeCondition, Tag("<attribute>")]
    | Annotated[EventCondition, Tag("<event>")]
    | Annotated[ObjectCondition, Tag("<object>")]
    | Annotated[ListCondition, Tag("<list>")]
    | Annotated[TagCondition, Tag("<tag>")]
    | Annotated[SegmentCondition, Tag("<segment>")]
    | Annotated[Everyone, Tag("<everyone>")]
    | Annotated[Enters, Tag("<enters>")]
    | Annotated[Exits, Tag("<exits>")],
    Discriminator(
        _key_of(CONDITION_KEYS),
        custom_error_type="condition",
        custom_error_message="not a condition: expected exactly one of " + ", ".join(CONDITION_KEYS),
    ),
]

for _model in (PropertyAll, PropertyAny, PropertyNone, PropertyNot, All, Any_, None_, Not):
    _model.model_rebuild()
EventCondition.model_rebuild()
ObjectCondition.model_rebuild()

CONDITION_MODELS = {
    get_args(option)[1].tag: get_args(option)[0] for option in get_args(get_args(Condition)[0])
}  # fmt: skip
PROPERTY_MODELS = {get_args(option)[1].tag: get_args(option)[0] for option in get_args(get_args(PropertyNode)[0])}
