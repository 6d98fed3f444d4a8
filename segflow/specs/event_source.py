"""The catalog's `events:` and `event_prefixes:`: dbt models with a row per event."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import Discriminator, Field, StringConstraints, Tag, model_validator
from pydantic_core import PydanticCustomError

from segflow.durations import Duration
from segflow.specs.columns import Attribute, TimeColumn
from segflow.specs.types import ColumnName, Identifier, ModelName, SpecModel, ValueType

EventText = Annotated[str, StringConstraints(min_length=1, max_length=255)]
"""What the data calls an event: any text."""


class Payload(SpecModel):
    """One column that holds all properties of an event, as JSON text or as a struct."""

    column: ColumnName
    """The column that holds them."""
    format: Literal["json", "struct"]
    """json: JSON, as text or as a JSON type. struct: a DuckDB struct or map."""


class EventType(SpecModel):
    """`order_completed: {is: Order Completed, properties: {amount: number}}`: an event that the data calls otherwise
    than conditions do. Where the two are the same, the properties alone will do."""

    is_: EventText | None = Field(default=None, alias="is")
    """What the column with the event's name holds; the name that conditions use when left out."""
    properties: dict[Identifier, Attribute] = Field(default_factory=dict)
    """What is known of such an event."""

    @model_validator(mode="before")
    @classmethod
    def _nothing_beside(cls, value: Any) -> Any:
        beside = [key for key in value if key not in ("is", "properties")] if isinstance(value, dict) else []
        if beside:
            message = "{given} stands beside is: or properties:, where properties go under properties:, like {like}"
            like = f"properties: {{{beside[0]}: {value[beside[0]]}}}"
            raise PydanticCustomError("event_type", message, {"given": str(beside[0]), "like": like})
        return value


def _event_shape(value: Any) -> str:
    """Is it an EventType, or are these the properties? A property may be called `is` or `properties`, too."""
    if isinstance(value, EventType):
        return "<type>"
    if isinstance(value, dict):
        said, inside = value.get("is"), value.get("properties")
        if said is not None and not isinstance(said, dict) and said not in get_args(ValueType):
            return "<type>"
        if isinstance(inside, dict) and inside.get("type") not in get_args(ValueType):
            return "<type>"
    return "<properties>"


class EventPrefix(SpecModel):
    """`cart: {is: cart.}`: the events whose names in the data begin so."""

    is_: EventText = Field(alias="is")
    """What names in the data begin with."""


class EventSource(SpecModel):
    """A dbt model with one row per event: either one `event`, or several kinds told apart by column `name`."""

    model: ModelName
    """The dbt model with one row per event."""
    contact: ColumnName = "contact_id"
    """The column with the contact's id."""
    at: TimeColumn = TimeColumn(column="occurred_at")
    """The column with the time at which it happened."""
    arrived_at: TimeColumn | None = None
    """When a row was loaded: a time that no later load goes behind. With it a tick computes facts about these rows only
    for the contacts whose rows came, or passed the edge of a window, since the tick before."""
    id: ColumnName | None = None
    """The column with an event's id: two rows with the same one are one event, and trigger once. Without it rows are
    told apart by all that the catalog says of them: contact, time and properties."""
    late_by: Duration = Duration.parse("3 days")
    """So long after its time a row may come and still trigger flows: each tick looks back so far for those it has not
    seen."""
    event: Identifier | None = None
    """The name of the event, where all rows are one event."""
    properties: dict[Identifier, Attribute] = Field(default_factory=dict)
    """With `event`: what is known of it."""
    name: ColumnName | None = None
    """The column with the event's name, where rows are of several kinds."""
    types: dict[
        Identifier,
        Annotated[
            Annotated[dict[Identifier, Attribute], Tag("<properties>")] | Annotated[EventType, Tag("<type>")],
            Discriminator(_event_shape),
        ],
    ] = Field(default_factory=dict)
    """The events by the names that conditions use: their properties, or `{is: Order Completed, properties: ...}` where
    the column holds another text."""
    payload: Payload | None = None
    """Left out: each property is a column of its own."""

    @model_validator(mode="after")
    def _one_shape(self) -> EventSource:
        if (self.event is None) == (self.name is None):
            raise PydanticCustomError(
                "event_source",
                "give either event: (all rows are this one event) or name: (the column that holds the event's name)",
            )
        if self.event is not None and self.types:
            raise PydanticCustomError("event_source", "types: goes with name:; with event: write properties:")
        if self.name is not None and self.properties:
            raise PydanticCustomError("event_source", "properties: goes with event:; with name: write types:")
        if self.name is not None and not self.types:
            raise PydanticCustomError("event_source", "name: needs types:, the events of this model by name")
        return self

    def kinds(self) -> dict[str, dict[str, Attribute]]:
        """The events of this source: name -> properties."""
        if self.event is not None:
            return {self.event: self.properties}
        return {name: kind.properties if isinstance(kind, EventType) else kind for name, kind in self.types.items()}

    def text(self, event: str) -> str:
        """What the data calls one of these events."""
        kind = self.types.get(event)
        return (kind.is_ if isinstance(kind, EventType) else None) or event

    def place(self, event: str) -> tuple[str, ...]:
        """Where the properties of an event stand in the file, below the source."""
        if self.event is not None:
            return ("properties",)
        return ("types", event, "properties") if isinstance(self.types[event], EventType) else ("types", event)
