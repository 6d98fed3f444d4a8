"""What explain says of one part of a rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Answer:
    """One part of the rule, as it is written, and what it says about the contact."""

    words: str
    holds: bool | None
    """Of a condition: is it true? Of a part of a query: has it the contact? None: that cannot be said, see `unsaid`."""
    found: dict[str, Any]
    """What a leaf looked at: attributes, counts, sums, the time of the last row. None: missing."""
    until: datetime | None
    """When it changes if nothing happens. None: not within what could be looked at, or that cannot be said."""
    parts: list[Answer]
    """What it holds; for a leaf about another segment, that segment's condition."""
    segment: str | None = None
    """The other segment that a leaf is about."""
    rows: list[dict[str, Any]] = field(default_factory=list)
    """Some of the contact's rows, for a part of a query that has them."""
    unsaid: str | None = None
    """Why nothing can be said of this contact."""


def unsaid(words: str, why: str, found: dict[str, Any] | None = None, *, parts: Sequence[Answer] = ()) -> Answer:
    """Nothing can be said, and why."""
    return Answer(words, None, found or {}, None, list(parts), unsaid=why)
