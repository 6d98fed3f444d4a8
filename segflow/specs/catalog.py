"""`segment_specs/catalog.yml`: how the user's dbt models become contacts, events, objects, lists and tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    Discriminator,
    Field,
    PlainValidator,
    StringConstraints,
    Tag,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from segflow.durations import Duration
from segflow.specs.types import ColumnName, ColumnPath, Identifier, ModelName, SpecModel, ValueType, by_kind

EventText = Annotated[str, StringConstraints(min_length=1, max_length=255)]
"""What the data calls an event: any text."""


Unix = Literal["seconds", "milliseconds"]
"""What a time is a number of, counted from 1970-01-01 00:00 UTC."""


class TimeColumn(SpecModel):
    """The column with a row's time. `at: occurred_at` is short for `at: {column: occurred_at}`."""

    column: ColumnName
    """The column that holds it."""
    unix: Unix | None = None
    """Given where the column holds numbers, counted from 1970-01-01 00:00 UTC: seconds or milliseconds."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"column": value} if isinstance(value, str) else value

    @model_serializer
    def _as_written(self) -> str | dict[str, str]:
        return self.column if self.unix is None else {"column": self.column, "unix": self.unix}


class Attribute(SpecModel):
    """A typed value of a contact, event or object. `email: text` is short for `email: {type: text}`."""

    type: ValueType
    """text, number, integer, boolean, date, timestamp or list_of_text."""
    column: ColumnPath | None = None
    """The column (or the JSON key) that holds it, or a path like `[address, city]`: the column, and the keys that lead
    to the value in its JSON or struct; in a payload, keys alone. The attribute's own name when left out."""
    unix: Unix | None = None
    """Of a timestamp that the source keeps as a number, counted from 1970-01-01 00:00 UTC: seconds or milliseconds."""
    description: str | None = None
    """For people: what it means, in which unit."""
    written_by: Literal["source", "flows", "both"] = "source"
    """Contacts only. `source`: the model's column is the truth. `flows`: there is no column, `update_contact` steps
    write it. `both`: a value that a flow wrote hides the column's."""

    def path(self, name: str) -> tuple[str, ...]:
        """Where attribute `name` is kept: the column or key, and the keys inside of it, if any."""
        if isinstance(self.column, list):
            return tuple(self.column)
        return (self.column or name,)

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"type": value} if isinstance(value, str) else value


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


_Texts = Annotated[
    Annotated[EventText, Tag("<text>")] | Annotated[list[EventText], Tag("<list>")],
    Discriminator(
        by_kind,
        custom_error_type="kinds",
        custom_error_message="what the data calls it must be a text, or a list of texts",
    ),
]


class ToldKinds(SpecModel):
    """What the data calls each kind of message event."""

    delivered: _Texts | None = None
    """The provider of the mailbox or the phone has it."""
    opened: _Texts | None = None
    """It was looked at."""
    clicked: _Texts | None = None
    """A link in it was followed."""
    bounced: _Texts | None = None
    """It could not be delivered."""
    replied: _Texts | None = None
    """It was answered."""
    complained: _Texts | None = None
    """It was called spam."""
    unsubscribed: _Texts | None = None
    """Its reader wants no more."""
    failed: _Texts | None = None
    """The provider gave up."""
    subscribed: _Texts | None = None
    """Its reader wants messages again."""

    def texts(self) -> dict[str, list[str]]:
        """Kind -> its texts, of those that were given; of none at all each has its own name."""
        given = {kind: [text] if isinstance(text, str) else text for kind, text in self if text is not None}
        return given or {kind: [kind] for kind in type(self).model_fields}


class MessageEventSource(SpecModel):
    """A dbt model with a row for everything that was told of a message: that it was delivered, opened, ... In place of
    calls of the providers to segflow serve, where your pipeline loads what they tell."""

    model: ModelName
    """The dbt model."""
    message_id: ColumnName | None = None
    """The column with segflow's id of the message, as senders give it to providers that hand it back."""
    provider_id: ColumnName | None = None
    """The column with the provider's id of it, for rows without `message_id`. One that a provider gives to several
    messages says nothing."""
    kind: ColumnName = "kind"
    """The column that says what happened."""
    kinds: ToldKinds = ToldKinds()
    """What the column `kind` holds for each kind, like `opened: Open` or `bounced: [HardBounce, Blocked]`; rows with
    another text are passed over. Left out: it holds these very words."""
    at: TimeColumn = TimeColumn(column="occurred_at")
    """The column with the time at which it happened."""
    id: ColumnName | None = None
    """The column with the id of what was told. Without it two rows about one message, of one kind and time, are one."""
    hard: ColumnName | None = None
    """The boolean column that says of a bounce that the address is dead; only then must it not be messaged again. Left
    out: all bounces are such."""
    url: ColumnName | None = None
    """The column that says of a click where the link leads."""
    late_by: Duration = Duration.parse("7 days")
    """So long after its time a row may come and is still taken: each tick looks back so far. The first one takes all
    that are there."""

    @model_validator(mode="after")
    def _of_which_message(self) -> MessageEventSource:
        if self.message_id is None and self.provider_id is None:
            message = "give message_id: or provider_id:, the column that says which message a row is about"
            raise PydanticCustomError("message_events", message)
        return self

    def words(self) -> dict[str, str]:
        """What the data says -> kind."""
        return {text: kind for kind, texts in self.kinds.texts().items() for text in texts}


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
