"""Conditions as they are written in YAML: `all / any / none / not` over leaves.

One condition is one mapping; the key that names it (`attribute`, `event`, ...) selects the model, so an error is
reported against the one shape that was meant and not against all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from segflow.durations import Duration
from segflow.messages import Channel, ContactChannel
from segflow.specs.operators import Added, HeldFor, MeasureTest, NumberTest, PeriodTest, Test, TimeTest, ValueTest
from segflow.specs.origins import CrossingCondition, EnrollmentCondition, TriggerCondition
from segflow.specs.types import EventName, Identifier, Number, SpecModel
from segflow.specs.windows import Windows


class AttributeCondition(Test):
    """`{attribute: city, is: London}`"""

    attribute: Identifier
    held_for: HeldFor | None = None
    """The value that satisfies the operator has been there for so long. Known since the first tick that asked."""


class PropertyCondition(Test):
    """Inside `event.where`: `{property: category, is: tea}`"""

    property: Identifier


class FieldCondition(Test):
    """Inside `object.where`: `{field: status, is: paid}`"""

    field: Identifier
    of: Identifier | None = None
    """The object above this one that has the field."""


PERIODS = ("days", "weeks", "months")
TURNS = ("stopped", "restarted")
AGGREGATES = (
    "count", "sum", "avg", "min", "max", "count_distinct", "first", "last", "first_time", "last_time", *PERIODS, *TURNS,
)  # fmt: skip


class _Times(Windows):
    """What `event`, `object` and `message` share: a window, and at most one aggregate (default: at least one row)."""

    count: NumberTest | None = None
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
    def _one_of_each(self) -> _Times:
        given = [name for name in AGGREGATES if getattr(self, name, None) is not None]
        if len(given) > 1:
            raise PydanticCustomError(
                "aggregate",
                "one aggregate per condition, found {found}; combine several with all:",
                {"found": ", ".join(given)},
            )
        windows = self.windows()
        if windows and given and given[0] in (*PERIODS, *TURNS):
            raise PydanticCustomError(
                "window",
                "{given} says which time it is about; remove {found}",
                {"given": given[0], "found": windows[0]},
            )
        return self

    def aggregate(self) -> tuple[str, NumberTest | MeasureTest | ValueTest | TimeTest | Duration]:
        """The aggregate's name and its test; `count >= 1` when none is given."""
        for name in AGGREGATES:
            test = getattr(self, name, None)
            if test is not None:
                return name, test
        return "count", NumberTest.model_validate({"gte": 1})


class _Rows(_Times):
    """What `event` and `object` share: aggregates over what rows hold."""

    sum: MeasureTest | None = None
    avg: MeasureTest | None = None
    min: ValueTest | None = None
    max: ValueTest | None = None
    count_distinct: MeasureTest | None = None
    first: ValueTest | None = None
    last: ValueTest | None = None


def key_of(names: tuple[str, ...]) -> Any:
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
        key_of(("all", "any", "none", "not", "property", "field")),
        custom_error_type="condition",
        custom_error_message="not a condition: expected exactly one of all, any, none, not, property, field",
    ),
]


class Following(SpecModel):
    """`followed_by: {event: purchase, within: 2 days}`: a later event, at most that long after. It may be followed in
    turn."""

    event: EventName
    where: PropertyNode | None = None
    within: Duration
    followed_by: Following | None = None
    not_followed_by: Following | None = None


class EventRows(_Rows):
    """What the three ways to name events share."""

    where: PropertyNode | None = None
    followed_by: Following | None = None
    """Only rows after which this came."""
    not_followed_by: Following | None = None
    """Only rows after which this did not come in time; rows whose time is not over are left out."""


class EventCondition(EventRows):
    """`{event: purchase, within_last: 30 days, count: {gte: 2}}`"""

    event: EventName


class EventPrefixCondition(EventRows):
    """`{event_prefix: shop_, within_last: 30 days}`: the events of the catalog whose names begin so, or those of an
    entry of its `event_prefixes`."""

    event_prefix: EventName


class AnyEventCondition(EventRows):
    """`{any_event: true, within_last: 30 days, count: 0}`: all events of the catalog."""

    any_event: Literal[True]


class ObjectCondition(_Rows):
    """`{object: order, where: {field: status, is: paid}, sum: {field: total, gte: 100}}`"""

    object: Identifier
    where: PropertyNode | None = None


MessageKind = Literal["sent", "delivered", "opened", "clicked", "bounced", "replied", "complained", "unsubscribed"]


class MessageCondition(_Times):
    """`{message: opened, flow: welcome, step: hello, within_last: 30 days}`: counts messages, each once; all other
    aggregates look at when it happened, every time that it did."""

    message: MessageKind
    flow: Identifier | None = None
    step: Identifier | None = None
    """With `flow`, a step of that flow; without it, inside a flow, this enrollment's message of this flow's step."""
    channel: Channel | None = None
    url: Test | None = None
    """Of clicks: where the link leads; any operator of a text."""

    @model_validator(mode="before")
    @classmethod
    def _no_values(cls, value: Any) -> Any:
        given = [name for name in _Rows.__annotations__ if name in value] if isinstance(value, dict) else []
        if given:
            raise PydanticCustomError(
                "aggregate",
                "{given} looks at a value of each row, and messages have none; write {known}",
                {"given": given[0], "known": ", ".join(name for name in AGGREGATES if name in cls.model_fields)},
            )
        return value


class Label(SpecModel):
    """What lists and tags share."""

    added: Added | None = None
    """When the contact was added; any operator of a timestamp, or since."""


ListStatus = Literal["subscribed", "unsubscribed", "pending"]
"""How a contact stands on a list, where the catalog's lists have a `status`."""
OneOrMoreStatuses = Annotated[
    Annotated[ListStatus, Tag("<text>")] | Annotated[list[ListStatus], Field(min_length=1), Tag("<list>")],
    Discriminator(lambda value: "<list>" if isinstance(value, list) else "<text>"),
]


class ListCondition(Label):
    """`{list: news, added: {within_last: 7 days}}`, `{list: news, status: subscribed}`"""

    list: str
    status: OneOrMoreStatuses | None = None
    """One status, or several of which one must hold. Without it: is on the list, however it stands there."""

    def statuses(self) -> Sequence[ListStatus]:
        """Those that are asked for; none when any will do."""
        return [] if self.status is None else [self.status] if isinstance(self.status, str) else self.status


class TagCondition(Label):
    """`{tag: vip}`"""

    tag: str


class AnyListCondition(Label):
    """Is on at least one list."""

    any_list: Literal[True]


class AnyTagCondition(Label):
    """Has at least one tag."""

    any_tag: Literal[True]


class BucketCondition(SpecModel):
    """`{bucket: SALT, percent: 10}`: a tenth of all contacts, always the same; another salt makes another tenth."""

    bucket: Annotated[str, Field(min_length=1)]
    percent: Number | None = None
    """The first so many percent, with at most two decimals."""
    between: Annotated[list[Number], Field(min_length=2, max_length=2)] | None = None
    """From one percentage up to, but not including, another."""

    @model_validator(mode="after")
    def _one_range(self) -> BucketCondition:
        if (self.percent is None) == (self.between is None):
            raise PydanticCustomError("bucket", "give either percent: 10 or between: [0, 10]")
        return self

    def range(self) -> tuple[Number, Number]:
        """From which percentage (included) to which (excluded)."""
        low, high = self.between or (0, self.percent or 0)
        return low, high


class ConsentCondition(SpecModel):
    """The contact may be messaged on the channel: its consent attribute is true."""

    consent: ContactChannel


class SegmentCondition(SpecModel):
    """Is a member of another segment."""

    segment: Identifier


class Everyone(SpecModel):
    everyone: Literal[True]


class SqlCondition(SpecModel):
    """`{sql: "lower(city) like 'lon%'"}`: one expression over the columns of `contacts`; null is false."""

    sql: Annotated[str, Field(min_length=1)]


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
    "all", "any", "none", "not", "attribute", "event", "event_prefix", "any_event", "object", "message", "list", "tag",
    "any_list", "any_tag", "segment", "everyone", "bucket", "consent", "sql", "enters", "exits",
    "trigger", "crossing", "enrollment",
)  # fmt: skip

Condition = Annotated[
    Annotated[All, Tag("<all>")]
    | Annotated[Any_, Tag("<any>")]
    | Annotated[None_, Tag("<none>")]
    | Annotated[Not, Tag("<not>")]
    | Annotated[AttributeCondition, Tag("<attribute>")]
    | Annotated[EventCondition, Tag("<event>")]
    | Annotated[EventPrefixCondition, Tag("<event_prefix>")]
    | Annotated[AnyEventCondition, Tag("<any_event>")]
    | Annotated[ObjectCondition, Tag("<object>")]
    | Annotated[MessageCondition, Tag("<message>")]
    | Annotated[ListCondition, Tag("<list>")]
    | Annotated[TagCondition, Tag("<tag>")]
    | Annotated[AnyListCondition, Tag("<any_list>")]
    | Annotated[AnyTagCondition, Tag("<any_tag>")]
    | Annotated[SegmentCondition, Tag("<segment>")]
    | Annotated[Everyone, Tag("<everyone>")]
    | Annotated[BucketCondition, Tag("<bucket>")]
    | Annotated[ConsentCondition, Tag("<consent>")]
    | Annotated[SqlCondition, Tag("<sql>")]
    | Annotated[Enters, Tag("<enters>")]
    | Annotated[Exits, Tag("<exits>")]
    | Annotated[TriggerCondition, Tag("<trigger>")]
    | Annotated[CrossingCondition, Tag("<crossing>")]
    | Annotated[EnrollmentCondition, Tag("<enrollment>")],
    Discriminator(
        key_of(CONDITION_KEYS),
        custom_error_type="condition",
        custom_error_message="not a condition: expected exactly one of " + ", ".join(CONDITION_KEYS),
    ),
]

CONDITION_MODELS = {
    get_args(option)[1].tag: get_args(option)[0] for option in get_args(get_args(Condition)[0])
}  # fmt: skip
PROPERTY_MODELS = {get_args(option)[1].tag: get_args(option)[0] for option in get_args(get_args(PropertyNode)[0])}
