"""What came from outside and waits for a tick: calls of providers, unsubscribes, opens and clicks, in small files.

A file holds the records of one group, a line each: the SHA-256 of the JSON that follows, a space, the JSON. It is
written under another name, synced, renamed, and its folder synced, before anybody is told that it was taken: a file
that bears its final name is whole. Lines that begin with `#` are words for people.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from segflow.crashpoints import crash_point
from segflow.files import PARTIAL, cannot_write, sync, write_whole

SUFFIX = ".spool"
REFUSED = "refused"
"""The folder below the spool of what cannot be read."""
_MODE, _FOLDER_MODE = 0o600, 0o700  # the bodies hold personal data

LinkKind = Literal["unsubscribed", "subscribed", "opened", "clicked"]


class UnreadableError(Exception):
    """A record that cannot be read; the text says why, without personal data."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """A verified call of a provider, as it came. Fields as those of `senders.callbacks.Callback`."""

    sender: str
    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    received_at: datetime
    id: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass(frozen=True, kw_only=True)
class LinkUse:
    """Somebody followed a signed link of a message."""

    kind: LinkKind
    message_id: str
    contact_id: str
    channel: str
    received_at: datetime
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    topic: str | None = None
    """What was taken or left is this topic, not marketing on the channel."""


Record = Call | LinkUse


@dataclass(frozen=True)
class Line:
    """A line of a spool file: `text` as it stands there, `number` from 1."""

    number: int
    text: bytes

    def read(self) -> Record:
        """The record. Raises UnreadableError."""
        digest, _, content = self.text.partition(b" ")
        if hashlib.sha256(content).hexdigest().encode() != digest:
            raise UnreadableError("the checksum is wrong: the file was damaged")
        try:
            return _record(json.loads(content))
        except (ValueError, KeyError, TypeError) as error:
            raise UnreadableError(f"not a record that this segflow knows: {type(error).__name__}") from error


class Spool:
    """A folder of spool files. Any number of processes may write; one reads, under the lease."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def refused(self) -> Path:
        return self.folder / REFUSED

    def prepare(self) -> None:
        """Make the folder, and remove what dead writers left behind: nobody was told that it was taken.

        Raises RunError when it cannot be made or written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=_FOLDER_MODE)
            sync(self.folder.parent)
            probe = self.folder / f".{os.getpid()}{PARTIAL}"
            probe.touch(_MODE)
            probe.unlink()
        except OSError as error:
            raise cannot_write(self.folder, error) from error

    def write(self, records: Sequence[Record]) -> Path:
        """Make records durable, all of them or none, in one file. Raises OSError."""
        # Sorted names are the order in which they came, as far as clocks go.
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{os.getpid()}-{uuid.uuid4().hex[:8]}{SUFFIX}"
        path = self.folder / name
        partial = self.folder / f".{name}{PARTIAL}"
        content = b"".join(map(line_of, records))
        try:
            handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
            try:
                written = 0
                while written < len(content):
                    written += os.write(handle, content[written:])
                os.fsync(handle)
            finally:
                os.close(handle)
            crash_point("spool.written")
            partial.rename(path)
            sync(self.folder)
        except BaseException:
            for left in (partial, path):
                with suppress(OSError):
                    left.unlink()
            raise
        crash_point("spool.durable")
        return path

    def files(self) -> list[Path]:
        """The files that wait, in the order in which they came; none when there is no folder."""
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        return [self.folder / name for name in sorted(names) if name.endswith(SUFFIX) and not name.startswith(".")]

    def lines(self, path: Path) -> Iterator[Line]:
        """The records of a file, unread. Raises OSError."""
        with path.open("rb") as file:
            for number, text in enumerate(file, 1):
                line = text.rstrip(b"\r\n")
                if line and not line.startswith(b"#"):
                    yield Line(number, line)

    def refuse(self, path: Path, line: Line, why: str) -> Path:
        """Lay a record aside, with the reason. Moved back into the spool it is tried again. Repeating it writes the
        same file. Raises RunError."""
        self.refused.mkdir(parents=True, exist_ok=True, mode=_FOLDER_MODE)
        target = self.refused / f"{path.name.removesuffix(SUFFIX)}-{line.number}{SUFFIX}"
        write_whole(target, b"# " + " ".join(why.split()).encode() + b"\n" + line.text + b"\n")
        target.chmod(_MODE)
        return target

    def remove(self, paths: Sequence[Path]) -> None:
        """Take files away whose records are in the delivery store."""
        for path in paths:
            path.unlink(missing_ok=True)
            crash_point("spool.removed")
        if paths:
            sync(self.folder)


def line_of(record: Record) -> bytes:
    """A record as a line of a spool file."""
    values: dict[str, Any] = {**vars(record), "received_at": record.received_at.isoformat()}
    if isinstance(record, Call):
        values |= {"body": base64.b64encode(record.body).decode(), "headers": dict(record.headers)}
    elif record.topic is None:
        del values["topic"]  # so that a segflow of before topics reads it, too
    content = json.dumps({"type": type(record).__name__, **values}, ensure_ascii=True).encode()
    return hashlib.sha256(content).hexdigest().encode() + b" " + content + b"\n"


def _record(values: dict[str, Any]) -> Record:
    kind = {"Call": Call, "LinkUse": LinkUse}[values.pop("type")]
    values["received_at"] = datetime.fromisoformat(values["received_at"])
    if kind is Call:
        values["body"] = base64.b64decode(values["body"], validate=True)
    return kind(**values)  # type: ignore[no-any-return]
