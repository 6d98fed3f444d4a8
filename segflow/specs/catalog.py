"""`segment_specs/catalog.yml`: how the user's dbt models become contacts, events, objects, lists and tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    model_validator,
)
from pydantic_core import PydanticCustomError

from segflow.specs.columns import Attribute, TimeColumn
from segflow.specs.event_source import EventPrefix, EventSource
from segflow.specs.message_source import MessageEventSource
from segflow.specs.types import ColumnName, Identifier, ModelName, SpecModel, by_kind


class ConsentSpec(SpecModel):
    """The boolean attributes that say whether a contact may be written to, by category of the message. A category that
    is left out needs no consent."""

    marketing: Identifier | None = None
    """The boolean attribute that marketing needs to be true."""
    transactional: Identifier | None = None
    """The boolean attribute that transactional messages need to be true."""


class ChannelSpec(SpecModel):
    """Where a contact is reached on a channel, and whether it may be."""

    address: Identifier
    """The attribute that holds the address or the phone number."""
    consent: (
        Annotated[
            Annotated[Identifier, Tag("<text>")] | Annotated[ConsentSpec, Tag("<mapping>")],
            Discriminator(
                by_kind,
                custom_error_type="consent",
                custom_error_message="consent must be an attribute, or a mapping like {marketing: ATTRIBUTE}",
            ),
        ]
        | None
    ) = None
    """The boolean attribute that marketing needs to be true, or one for each category."""
    double_opt_in: Identifier | None = None
    """The attribute that says whether the address was confirmed, which marketing needs: a boolean (true), a date or a
    timestamp (when), or a text (`confirmed`)."""

    def consent_for(self, category: str) -> str | None:
        """The attribute that must be true for messages of a category; None: they need none."""
        if isinstance(self.consent, ConsentSpec):
            found: str | None = getattr(self.consent, category)
            return found
        return self.consent if category == "marketing" else None


class Channels(SpecModel):
    """The contact channels of `segflow.messages`; a test holds the two to each other."""

    email: ChannelSpec | None = None
    """By email."""
    sms: ChannelSpec | None = None
    """By SMS."""
    whatsapp: ChannelSpec | None = None
    """By WhatsApp."""

    def of(self, channel: str) -> ChannelSpec | None:
        """How contacts are reached on a channel; None for one that is not named, or that does not reach contacts."""
        found: ChannelSpec | None = getattr(self, channel, None)
        return found


class Contacts(SpecModel):
    model: ModelName
    """The dbt model with one row per contact."""
    key: ColumnName = "contact_id"
    """The column with the contact's id, in every row another one."""
    created_at: TimeColumn | None = None
    """Rows created after `as_of` are invisible."""
    time_zone: Identifier | None = None
    """The attribute that holds the contact's IANA time zone."""
    attributes: dict[Identifier, Attribute] = Field(default_factory=dict)
    """What is known of a contact, by the names that conditions and templates use."""
    channels: Channels = Channels()
    """Where contacts are reached, and whether they may be."""
    default_channel: Identifier | None = None
    """The attribute that names the channel on which a contact likes to be written to; `send` steps read it."""
    deletions: bool = False
    """May `delete_contact` steps delete contacts? They are left out of all that segflow sees then, although the model
    still has them."""


class Topic(SpecModel):
    """What messages can be about, for contacts to choose from."""

    default: Literal["opted_in", "opted_out"] | None = None
    """What holds for contacts who have not said anything: do they get it? Needed unless there is a `list`."""
    list: str | None = None
    """The list whose members get it, as long as they have not said otherwise; where lists have a status, those who are
    `subscribed`."""
    attribute: Identifier | None = None
    """The boolean attribute that holds what they said: true is in, false is out."""
    label: Annotated[str, Field(min_length=1)] | None = None
    """What people read on the preference page; its name, when left out."""
    description: str | None = None
    """A sentence below it there."""


class ObjectSpec(SpecModel):
    """A related table. `belongs_to` names `contact` or another object; `via` is the foreign key column.

    Where contacts belong to the object instead (a company), `contacts_by` is the attribute that holds its key.
    """

    model: ModelName
    """The dbt model with one row per object."""
    key: ColumnName
    """The column with the object's id."""
    belongs_to: Identifier = "contact"
    """`contact`, or another object."""
    via: ColumnName | None = None
    """The column with the id of what it belongs to."""
    contacts_by: Identifier | None = None
    """Where contacts belong to the object (a company): the contacts' attribute that holds its key."""
    created_at: TimeColumn | None = None
    """Rows created after `as_of` are invisible."""
    arrived_at: TimeColumn | None = None
    """When a row was loaded: a time that no later load goes behind. With it a tick computes facts about these rows only
    for the contacts whose rows came, or passed the edge of a window, since the tick before."""
    fields: dict[Identifier, Attribute] = Field(default_factory=dict)
    """What is known of an object."""

    @model_validator(mode="after")
    def _one_way_up(self) -> ObjectSpec:
        if self.contacts_by is None and self.via is None:
            raise PydanticCustomError(
                "object",
                "via is missing: the column that holds the key of what the object belongs to (or contacts_by: the "
                "attribute of contacts that holds the object's key)",
            )
        if self.contacts_by is not None and self.model_fields_set & {"via", "belongs_to"}:
            raise PydanticCustomError(
                "object", "contacts_by: says how contacts belong to the object; remove via: and belongs_to:"
            )
        return self

    @property
    def link(self) -> ColumnName:
        """The foreign key column; only for objects that belong to something."""
        assert self.via is not None
        return self.via


class LabelSource(SpecModel):
    """Static membership: rows of (contact, name). Without `model`, only flows fill it."""

    model: ModelName | None = None
    """The dbt model with a row per contact and name. Without it, only flows and imports fill it."""
    contact: ColumnName = "contact_id"
    """The column with the contact's id."""
    name: ColumnName = "name"
    """The column with the name of the list or tag."""
    added_at: TimeColumn | None = None
    """When the contact was put on it; rows later than `as_of` are invisible."""
    names: list[str] = Field(default_factory=list)
    """The names that exist; when given, any other name in a spec is an error."""


class ListSource(LabelSource):
    """The lists. Being on one and wanting what it gets may be two things."""

    status: ColumnName | None = None
    """The column with how a contact stands on the list: subscribed, unsubscribed or pending, in any case. On lists
    without it, and where only a flow or an import has put a contact there, it is subscribed."""


def _yes_or_column(value: Any) -> Any:
    if isinstance(value, bool) or (isinstance(value, str) and 0 < len(value) <= 255):
        return value
    message = "'{given}' is neither true nor false nor a column that says so for each row"
    raise PydanticCustomError("trigger_flows", message, {"given": str(value)})


class ImportSource(SpecModel):
    """A dbt model with a row per contact and batch that your own pipeline loads.

    The crossings that a batch causes have cause `import` and trigger nothing, where it said no to flows.
    """

    model: ModelName
    """The dbt model with a row per contact and batch."""
    contact: ColumnName = "contact_id"
    """The column with the contact's id."""
    imported_at: TimeColumn = TimeColumn(column="imported_at")
    """When the batch was loaded: it counts for the first tick whose `as_of` is not earlier."""
    trigger_flows: Annotated[bool | str, PlainValidator(_yes_or_column, json_schema_input_type=bool | str)]
    """true or false for all batches, or the column that says it; where that is missing, it says no."""
    batch: ColumnName | None = None
    """The column with the batch's id, kept with the marks in `import_marks`."""


class Catalog(SpecModel):
    contacts: Contacts
    """Who can be in segments and get messages. The only key that must be there."""
    events: list[EventSource] = Field(default_factory=list)
    """What contacts did: one entry per dbt model."""
    event_prefixes: dict[Identifier, EventPrefix] = Field(default_factory=dict)
    """What `event_prefix` of a condition stands for, where the data's names begin with another text. Without an entry
    it means the events of this catalog whose own names begin so."""
    objects: dict[Identifier, ObjectSpec] = Field(default_factory=dict)
    """Related tables: orders, subscriptions, companies."""
    lists: ListSource = ListSource()
    """Static lists."""
    tags: LabelSource = LabelSource()
    """Labels on contacts."""
    topics: dict[Identifier, Topic] = Field(default_factory=dict)
    """What messages can be about: flows and steps that write to contacts may say `topic: NAME`."""
    imports: ImportSource | None = None
    """Batches that your own pipeline loads."""
    message_events: MessageEventSource | None = None
    """What became of messages, where a model holds it."""

    def event(self, name: str) -> tuple[EventSource, dict[str, Attribute]] | None:
        """The source and the properties of event `name`, or None."""
        for source in self.events:
            properties = source.kinds().get(name)
            if properties is not None:
                return source, properties
        return None

    def events_named(self, prefix: str) -> dict[str, tuple[EventSource, dict[str, Attribute]]]:
        """The events that an `event_prefix` stands for, with their sources and properties; all for an empty one."""
        spec = self.event_prefixes.get(prefix)
        return {
            name: (source, properties)
            for source in self.events
            for name, properties in source.kinds().items()
            if (name.startswith(prefix) if spec is None else source.text(name).startswith(spec.is_))
        }

    def event_texts(self) -> Mapping[str, str]:
        """Event -> what the data calls it, of those that it calls otherwise."""
        texts = {name: source.text(name) for source in self.events for name in source.kinds()}
        return {name: text for name, text in texts.items() if text != name}

    def shared_properties(self, prefix: str) -> dict[str, Attribute]:
        """The properties that all events whose names begin with `prefix` have, with one type."""
        kinds = [properties for _, properties in self.events_named(prefix).values()]
        return {
            name: attribute
            for name, attribute in (kinds[0] if kinds else {}).items()
            if all(name in other and other[name].type == attribute.type for other in kinds)
        }

    def event_names(self) -> list[str]:
        return [name for source in self.events for name in source.kinds()]

    def object_path(self, name: str) -> list[tuple[str, ObjectSpec]]:
        """The hops from object `name` up to the contact, nearest first. Cycles are refused when specs load."""
        path: list[tuple[str, ObjectSpec]] = []
        while name != "contact":
            spec = self.objects[name]
            path.append((name, spec))
            name = spec.belongs_to
        return path
