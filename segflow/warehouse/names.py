"""Names that every engine keeps whole. Postgres cuts a name after 63 bytes, silently, and answers a column that is not
there from another one that is the same up to the cut."""

from __future__ import annotations

import hashlib

LONGEST = 63
"""Bytes."""
_DIGITS = 12


def whole(name: str) -> str:
    """A name of ours for a table, view, column, CTE or alias: as it is up to 63 bytes, and what is longer as its
    beginning and a hash of all of it, so that two names stay two, for engines that fold case, too. (What becomes part
    of a name is in small letters; texts of people that are not, go in as a hash, or by number.)"""
    raw = name.encode()
    if len(raw) <= LONGEST:
        return name
    head = raw[: LONGEST - _DIGITS - 1].decode(errors="ignore").rstrip("_")
    return f"{head}_{hashlib.sha256(raw).hexdigest()[:_DIGITS]}"
