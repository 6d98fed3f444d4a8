"""Writes each message to a file: to look at what would be sent, and to test flows."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field

from segflow.errors import ConfigurationError, PermanentError
from segflow.messages import CHANNELS, AnyMessage, Email, Receipt
from segflow.senders.base import Sender, SenderSettings
from segflow.senders.shared.mime import to_mime

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")

_SELDOM = frozenset({"sender_id", "campaign", "header", "buttons"})
"""What a file says only where a step does."""


class MailboxSettings(SenderSettings):
    """Writes `.eml` and `.json` files."""

    channels = CHANNELS
    sends_attachments = True
    type: Literal["mailbox"]
    path: str = ".segflow/mailbox"
    """The folder; each day has one of its own in it."""
    from_: str = Field("segflow <no-reply@example.com>", alias="from")
    """Who emails come from when a step does not say."""


class MailboxSender(Sender):
    """`<path>/<day of the tick>/<channel>/<message_id>.eml`, `.json` for what is not email.

    A file appears whole or not at all, and the same message overwrites its own file with the same bytes.
    """

    settings = MailboxSettings
    simulated = True
    idempotent = True

    def __init__(self, name: str, path: Path, from_: str) -> None:
        super().__init__(name)
        self._path = path
        self._from = from_
        self._made: set[str] = set()

    @classmethod
    def from_settings(cls, name: str, options: Mapping[str, Any], root: Path) -> Self:
        return cls(name, root / Path(options["path"]).expanduser(), options["from_"])

    def checks(self) -> str:
        return f"writes a file to {self._path} and removes it"

    def check(self) -> str:
        probe = self._path / ".segflow-check"
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            said = (error.strerror or str(error)).lower()
            raise ConfigurationError(f"cannot write to the mailbox {self._path}: {said}") from error
        return "the folder can be written"

    def send(self, message: AnyMessage) -> Receipt:
        if not _FILE_NAME.fullmatch(message.message_id):
            raise PermanentError(f"the message id is no file name: {message.message_id!r}")
        if isinstance(message, Email):
            suffix, content = ".eml", to_mime(message, self._from).data
        else:
            told = {
                name: value
                for name, value in dataclasses.asdict(message).items()
                if value not in (None, ()) or name not in _SELDOM
            }
            text = json.dumps(told, indent=2, ensure_ascii=False, default=_plain)
            suffix, content = ".json", (text + "\n").encode()
        # Texts and not paths, which take as long to put together as the file to write.
        folder = f"{self._path}/{message.planned_at.date().isoformat()}/{message.channel}"
        name = message.message_id + suffix
        # One fixed name: what a killed process left here is overwritten by the repeat.
        partial = f"{folder}/.{name}.partial"
        try:
            if folder not in self._made:
                os.makedirs(folder, exist_ok=True)
                self._made.add(folder)
            with open(partial, "wb") as file:
                file.write(content)
            os.replace(partial, f"{folder}/{name}")
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(partial)
            raise ConfigurationError(
                f"cannot write to the mailbox {self._path}: {(error.strerror or str(error)).lower()}; mend that or "
                "give it another path in segflow.yml. The messages wait for the next tick."
            ) from error
        return Receipt(provider_id=name)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)
