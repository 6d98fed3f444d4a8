"""Names that every engine keeps whole. Postgres cuts a name after 63 bytes, silently, and answers a column that is not
there from another one that is the same up to the cut."""

from __future__ import annotations

import hashlib

LONGEST = 63
"""Bytes."""
_DIGITS = 12
OWN = "segflow__"
"""What the names of generated dbt models begin with: all models of a dbt project share one space of names."""


def whole(name: str) -> str:
    """A name of ours for a table, view, column, CTE or alias: as it is up to 63 bytes, and what is longer as its
    beginning and a hash of all of it, so that two names stay two, for engines that fold case, too. (What becomes part
    of a name is in small letters; texts of people that are not, go in as a hash, or by number.)"""
    raw = name.encode()
    if len(raw) <= LONGEST:
        return name
    head = raw[: LONGEST - _DIGITS - 1].decode(errors="ignore").rstrip("_")
    return f"{head}_{hashlib.sha256(raw).hexdigest()[:_DIGITS]}"


def own_model(relation: str) -> str:
    """The dbt model that builds `relation` of schema `segflow`: segflow__contacts builds contacts."""
    return f"{OWN}{relation}"


def own_relation(model: str) -> str | None:
    """The relation of schema `segflow` that a generated model builds; None: the model is the user's."""
    return model.removeprefix(OWN) if model.startswith(OWN) else None
