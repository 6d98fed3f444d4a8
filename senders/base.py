"""What the outbox asks of a sender: hand one rendered message to one provider, and say what became of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from segflow.messages import AnyMessage, Receipt


class Sender(ABC):
    """Hands messages to one provider. Used by one thread at a time, as a context manager around a run of messages."""

    channels: ClassVar[frozenset[str]]
    """The channels that `send` accepts."""
    simulated: bool = False
    """True when nothing leaves the house. Such a sender lives by the tick's clock and works in every delivery mode."""
    idempotent: bool = False
    """True when handing over the same `message_id` again is harmless. Decides what happens to messages whose outcome
    a crash swallowed: repeated when True, kept for a person when False. Say True only when the provider promises it."""

    def __init__(self, name: str) -> None:
        self.name = name

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

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
