"""`tests:` of a segment: a small world in rows, and who must be a member in it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, PlainValidator
from pydantic_core import PydanticCustomError

from segflow.messages import Channel
from segflow.specs.conditions import ListStatus, MessageKind
from segflow.specs.types import Identifier, ModelName, SpecModel


def _key(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        raise PydanticCustomError(
            "key", "'{given}' is not an id: write a text or a whole number", {"given": str(value)}
        )
    return str(value)


def _cell(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    if not isinstance(value, (bool, int, float, str)):
        raise PydanticCustomError("scalar", "expected one value: a text, a number, true or false, or a list of texts")
    return value


Key = Annotated[str, PlainValidator(_key, json_schema_input_type=str | int)]
"""An id of a contact, as a text: ids are compared as texts everywhere."""
Cell = Annotated[
    bool | int | float | str | list[str],
    PlainValidator(_cell, json_schema_input_type=bool | float | str | list[str]),
]
Row = dict[str, Cell]
"""A row whose columns the catalog names. What a row does not have is missing."""


class LabelRow(SpecModel):
    """A contact on a list, or with a tag."""

    contact_id: Key
    name: Annotated[str, Field(min_length=1)]
    added_at: str | None = None


class ListRow(LabelRow):
    """A contact on a list, and how it stands there; where lists have a status it is subscribed unless this says so."""

    status: ListStatus | None = None


class MessageRow(SpecModel):
    """What became of a message: `message` is one of the words of message conditions."""

    contact_id: Key
    message: MessageKind
    at: str
    flow: Identifier | None = None
    step: Identifier | None = None
    channel: Channel | None = None
    message_id: Key | None = None
    """Rows about one message share it; a row without one is about a message of its own."""


class HeldRow(SpecModel):
    """Since when a contact has had the present value of an attribute, for `held_for`."""

    contact_id: Key
    attribute: Identifier
    since: str


class SegmentTest(SpecModel):
    """Rows in, members out. Tests are no part of the definition: they make no new version of it."""

    name: Annotated[str, Field(min_length=1)]
    as_of: str
    """An ISO date or time; a date is that day's start in the project's time zone."""
    contacts: list[Row] = Field(default_factory=list)
    """`contact_id`, attributes, and `created_at` where the catalog names one."""
    events: list[Row] = Field(default_factory=list)
    """`contact_id`, `event`, `at`, and the event's properties."""
    objects: dict[Identifier, list[Row]] = Field(default_factory=dict)
    """Object -> its rows: its key, what it belongs to, `created_at`, and its fields."""
    lists: list[ListRow] = Field(default_factory=list)
    tags: list[LabelRow] = Field(default_factory=list)
    messages: list[MessageRow] = Field(default_factory=list)
    held: list[HeldRow] = Field(default_factory=list)
    segments: dict[Identifier, list[Key]] = Field(default_factory=dict)
    """Segment that the rule refers to -> its members; one that is not here is evaluated over the same rows."""
    models: dict[ModelName, list[Row]] = Field(default_factory=dict)
    """dbt model that a `.sql` segment reads -> its rows, by the model's own columns."""
    members: list[Key]
    """Exactly these contacts must match."""
