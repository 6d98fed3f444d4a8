"""What the outbox asks of a sender: hand rendered messages to one provider, and say what became of each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field

from segflow.errors import AmbiguousError, ConfigurationError, PermanentError, SendError
from segflow.messages import AnyMessage, Channel, Email, Receipt
from segflow.senders.callbacks import Callback, CallbackAnswer, ProviderEvent
from segflow.senders.shared.rate import RateText
from segflow.spec_model import SpecModel

NO_ATTACHMENTS = "sender {name} sends no attachments"


class SenderSettings(SpecModel):
    """Base of what may stand below `senders: NAME:` in segflow.yml. Each sender's file has its own."""

    channels: ClassVar[tuple[Channel, ...]]
    """What its sender takes."""
    reports: ClassVar[tuple[str, ...]] = ()
    """What becomes known of its messages beside `sent`: delivered, opened, clicked, ... `validate` warns of a condition
    on what nothing that is set up reports."""
    sends_attachments: ClassVar[bool] = False
    """Does its sender hand over the `attachments` of an email? Where it does not, such a message fails: what a contact
    is told to find in it must not be dropped in silence."""
    type: str
    """Which kind of sender it is."""
    connections: Annotated[int, Field(ge=1, le=32)] = 4
    """How many messages may be on their way to the provider at once, each over a connection of its own. Senders that
    send nothing out of the house (mailbox, console) have one."""
    rate: RateText | None = None
    """No more than so many messages in a time, over all connections: `100 per second`, `10000 per hour`."""

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        # Logs and tracebacks print objects, and settings hold secrets.
        yield "type", getattr(self, "type", None)

    def refusal(self, channel: str) -> str | None:
        """Why these settings do not do for a channel of the type; None when they do."""
        return None

    def known_people(self) -> tuple[tuple[str, ...], bool] | None:
        """Whom a notify step may name, and whether it may name addresses, too; None when anybody."""
        return None

    def reported(self) -> tuple[str, ...]:
        """Those of `reports` that become known with these settings."""
        return self.reports

    def cost(self, parts: int) -> str | None:
        """What an SMS of so many parts costs, like `0.0158 USD`; None when the settings do not say."""
        return None

    def refuses(self, url: str, *, resolve: bool = False) -> str | None:
        """Why a webhook step's URL is not called, as far as the URL itself tells, with `resolve` also what its host
        resolves to at the moment; None when it may be."""
        return None


class Sender(ABC):
    """Hands messages to one provider. Used by one thread at a time, as a context manager around a run of messages."""

    settings: ClassVar[type[SenderSettings]]
    """What may stand in segflow.yml for it."""
    simulated: bool = False
    """True when nothing leaves the house. Such a sender lives by the tick's clock and works in every delivery mode."""
    idempotent: bool = False
    """True when handing over the same `message_id` again is harmless. Decides what happens to messages whose outcome
    a crash swallowed: repeated when True, kept for a person when False. Say True only when the provider promises it."""
    idempotent_for: float | None = None
    """Seconds for which the provider of an idempotent sender knows a `message_id` again; None: for ever. What was in
    doubt for longer is not handed over again: it waits for a person."""
    at_once: int = 1
    """How many messages `send_many` takes in one request to the provider. It is given fewer when the sender is not
    idempotent and `delivery.in_doubt_at_most` is less."""
    connections: int = 1
    """How many of its kind may hand over messages at once. Set from its settings."""
    rate: tuple[int, int] | None = None
    """How many messages in how many seconds the provider may get. Set from its settings."""
    receives: ClassVar[bool] = False
    """True when the provider calls back and `verify` and `events` understand it."""
    taken: ClassVar[CallbackAnswer] = CallbackAnswer()
    """What to answer to a call whose events are safe."""

    _make: Callable[[], Sender] | None = None

    def __init__(self, name: str) -> None:
        self.name = name

    def another(self) -> Sender:
        """One more of the same settings, for a connection of its own. Only those that were built have that."""
        if self._make is None:
            raise NotImplementedError(f"sender {self.name} was not built from settings")
        return self._make()

    @classmethod
    def from_settings(cls, name: str, options: Mapping[str, Any], root: Path) -> Self:
        """The sender called `name`. `options` are its settings by field name, without `type`: the arguments of
        `__init__` unless a sender says otherwise here. `root` is the project's folder, for settings that are paths."""
        return cls(name, **options)

    def open(self) -> None:  # noqa: B027  (most senders have nothing to get ready)
        """Get ready. Raises ConfigurationError when the settings cannot work, TransientError when it may work later.

        Connect lazily, in `send`, if connecting can fail: then the failure belongs to a message and is retried.
        """

    def close(self) -> None:  # noqa: B027
        """Let go of everything. Never raises; may be called twice."""

    @abstractmethod
    def send(self, message: AnyMessage) -> Receipt:
        """Hand over one message, in bounded time. Returning means that the provider took it.

        Raises TransientError (try again later), PermanentError (this message will never be taken), AmbiguousError
        (it may or may not have been taken) or ConfigurationError (no message can be sent like this).
        """

    def send_many(self, messages: Sequence[AnyMessage]) -> list[Receipt | SendError]:
        """Hand over up to `at_once` messages, in one request where the provider takes several. What became of each, in
        their order. An error that is raised holds for all of them. ConfigurationError is raised, unless others of them
        were handed over before: then it stands in the list, for each that was not."""
        told: list[Receipt | SendError] = []
        for message in messages:
            try:
                told.append(self.send(message))
            except ConfigurationError as error:
                if not any(isinstance(one, Receipt | AmbiguousError) for one in told):
                    raise
                return [*told, *[error] * (len(messages) - len(told))]
            except SendError as error:
                told.append(error)
        return told

    def refuse_attachments(self, message: AnyMessage) -> None:
        """For senders that cannot hand them over. Raises PermanentError when the message has any."""
        if isinstance(message, Email) and message.attachments and not self.settings.sends_attachments:
            raise PermanentError(NO_ATTACHMENTS.format(name=self.name))

    def check(self) -> str | None:
        """Ask the provider whether the settings would do, without sending anything. What it said, in a few words; None
        when there is nothing to ask.

        Raises ConfigurationError when they would not, TransientError when it could not be asked.
        """
        return None

    def checks(self) -> str:
        """What `check` does, in a few words, like `connects to mail.example:587 and logs in`; nothing is sent. For
        people who are about to run it, so without secrets."""
        asks = type(self).check is not Sender.check
        return "asks the provider for the account" if asks else "there is nothing to ask without sending"

    def verify(self, callback: Callback) -> None:
        """Raise RefusedCallbackError unless the provider itself made this call, and lately. Any other error says that
        this could not be found out just now: the provider is let call again."""
        raise NotImplementedError

    def answer(self, callback: Callback) -> CallbackAnswer | None:
        """What to answer to a call that brings no events (a challenge, say); None for one that does. Called before
        `verify`. Raises RefusedCallbackError."""
        return None

    def events(self, callback: Callback) -> list[ProviderEvent]:
        """What a verified call tells. What it tells beside events that are known here is left out.

        Raises RefusedCallbackError when it cannot be read.
        """
        raise NotImplementedError

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
