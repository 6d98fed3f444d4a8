"""Every error segflow raises on purpose, and the located `Issue` that specs are judged with.

Two families, after the question "whose turn is it?":

* `InputError` (exit code 2): what the user wrote is wrong; it says where and what would be right.
* `RunError` (exit code 1): the input was fine and something failed while running.

Senders raise `TransientError`, `PermanentError` or `ConfigurationError` to say what the outbox should do next.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, order=True)
class Issue:
    """One located problem of one file. `line` and `column` count from 1; 0 means "the file as a whole"."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        # "catalog.yml: is missing": a file as a whole has no line.
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.message}"


class SegflowError(Exception):
    """Base of all errors raised on purpose. `exit_code` is what the CLI returns for it."""

    exit_code = 1


class InputError(SegflowError):
    """The user's input is wrong: a flag, a file that is missing, a state that forbids the request."""

    exit_code = 2


class SpecError(InputError):
    """One or more located problems in spec files; `issues` holds all of them, sorted by place."""

    def __init__(self, issues: Iterable[Issue]) -> None:
        self.issues: list[Issue] = sorted(set(issues))
        super().__init__("\n".join(str(issue) for issue in self.issues))


class RunError(SegflowError):
    """Something failed while running; nothing of the failed stage was committed."""


class DamagedWarehouseError(RunError):
    """The warehouse file cannot be read; `segflow rebuild` makes it again."""


class WarehouseBusyError(RunError):
    """Another process has the warehouse, which only one may have at a time."""


class DuplicateContactsError(RunError):
    """The contacts model holds a contact id more than once: nobody crosses a border on ambiguous data."""


class ContactsLostError(RunError):
    """More contacts are missing than the guard allows: nobody crosses a border until a person has looked."""


class LeaseHeldError(RunError):
    """Another tick runs (or died less than a lease ago). `gives_way`: who holds it lets go when asked."""

    def __init__(self, message: str, *, gives_way: bool = False) -> None:
        super().__init__(message)
        self.gives_way = gives_way


class LeaseLostError(RunError):
    """The lease went to another process while this one worked or stood still; this one must not commit."""


class StaleGenerationError(RunError):
    """A relation was built for another tick than the one that wants to read it."""


class TimeLimitError(RunError):
    """A query ran longer than its limit and was stopped."""


class WarehouseError(Exception):
    """The engine cannot run a statement; its message in one line. No SegflowError: whoever asked knows what it means.

    `unbound`: the statement names something that is not there, or gives it a type that it does not have.
    """

    def __init__(self, message: str, *, unbound: bool = False) -> None:
        super().__init__(message)
        self.unbound = unbound


class SendError(SegflowError):
    """Base of what a sender may raise for one message. `reason` is recorded with the delivery."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TransientError(SendError):
    """The provider may accept the same message later. `retry_after` is in seconds, None when it did not say.

    `of_message`: it is about this message or its recipient alone, and says nothing of how the provider is.
    """

    def __init__(self, reason: str, retry_after: float | None = None, *, of_message: bool = False) -> None:
        super().__init__(reason)
        self.retry_after, self.of_message = retry_after, of_message


class PermanentError(SendError):
    """The provider will never accept this message: no retry. `unsubscribed`: nor any other to this address, until its
    owner comes back: they have opted out there. `suppress`: nor any other to this address, ever; the reason in a word
    (`bounced`: it is dead, `inactive`: it is on the provider's own list)."""

    def __init__(self, reason: str, *, unsubscribed: bool = False, suppress: str | None = None) -> None:
        super().__init__(reason)
        self.unsubscribed = unsubscribed
        self.suppress = "unsubscribed" if unsubscribed else suppress


class AmbiguousError(SendError):
    """The provider may or may not have taken the message (the connection died after it was handed over)."""


class ConfigurationError(SendError):
    """The sender itself is set up wrongly (credentials, host): stop this sender, keep its messages, fail the run."""


def did_you_mean(wrong: str, known: Sequence[str]) -> str:
    """Return ` (did you mean X?)` for the closest of `known`, or an empty string when nothing is near."""
    near = nearest(wrong, known)
    return f" (did you mean {near}?)" if near is not None else ""


def nearest(wrong: str, known: Iterable[str]) -> str | None:
    """The closest of `known`, None when nothing is near."""
    lowered = {name.lower(): name for name in known}
    near = difflib.get_close_matches(wrong.lower(), lowered, n=1, cutoff=0.6)
    return lowered[near[0]] if near else None


def relative(path: Path, root: Path) -> str:
    """Return `path` as users see it in messages: relative to the project root where it lies inside."""
    try:
        return str(path.resolve().relative_to(root.resolve()))
    except ValueError:
        return str(path)
