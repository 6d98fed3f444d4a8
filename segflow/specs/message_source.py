"""The catalog's `message_events:`: a dbt model that says what became of messages."""

from __future__ import annotations

from typing import Annotated

from pydantic import Discriminator, Tag, model_validator
from pydantic_core import PydanticCustomError

from segflow.durations import Duration
from segflow.specs.columns import TimeColumn
from segflow.specs.event_source import EventText
from segflow.specs.types import ColumnName, ModelName, SpecModel, by_kind

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
