"""Are the answers the same? What was measured counts only then."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import duckdb

MEMBERS = "select segment, contact_id from {}.segflow.segment_members"
FLOOR_MEMBERS = "select segment, contact_id from floor.members"
ENTERED = "select segment, contact_id from {}.segflow.segment_entries where entered_at = {at}"
FLOOR_ENTERED = "select segment, contact_id from floor.entries where tick_at = {at}"
EXITED = "select segment, contact_id from {}.segflow.segment_exits where exited_at = {at}"
FLOOR_EXITED = "select segment, contact_id from floor.exits where tick_at = {at}"
MESSAGES = "select flow, step, contact_id, enrolled_at from {}.segflow.outbox where planned_at = {at}"
FLOOR_MESSAGES = "select flow, step, contact_id, enrolled_at from floor.messages where tick_at = {at}"

_PAIRS = {
    "members": (MEMBERS, FLOOR_MEMBERS),
    "entries": (ENTERED, FLOOR_ENTERED),
    "exits": (EXITED, FLOOR_EXITED),
    "messages": (MESSAGES, FLOOR_MESSAGES),
}


class UnequalError(Exception):
    """Two of those that are compared do not give the same answers."""


def check(files: dict[str, Path], floor: Path, as_of: datetime) -> dict[str, int]:
    """Hold every build's answers of a tick to the floor's. `files`: build -> its warehouse. Returns how many rows each
    answer has. Raises UnequalError."""
    sizes: dict[str, int] = {}
    at = f"TIMESTAMP '{as_of}'"
    with duckdb.connect() as connection:
        connection.execute(f"attach '{floor}' as floor (read_only)")
        for number, (build, file) in enumerate(files.items()):
            connection.execute(f"attach '{file}' as build{number} (read_only)")
            for what, (mine, least) in _PAIRS.items():
                one, other = mine.format(f"build{number}", at=at), least.format(at=at)
                query = "select count(*) from (({}) except all ({}))"
                more, less = (
                    connection.execute(query.format(*pair)).fetchall()[0][0] for pair in ((one, other), (other, one))
                )
                if more or less:
                    raise UnequalError(f"{build} at {as_of}: {more} {what} too many, {less} are missing")
                sizes[what] = connection.execute(f"select count(*) from ({other})").fetchall()[0][0]
    return sizes


def keep_members(floor: Path, target: Path) -> None:
    """Write the floor's members as Parquet."""
    with duckdb.connect(str(floor), read_only=True) as connection:
        connection.execute(f"copy (select segment, contact_id from members) to '{target}' (format parquet)")


def members_of(floor: Path, contacts: set[str]) -> dict[str, set[str]]:
    """segment -> its members among these contacts."""
    found: dict[str, set[str]] = {}
    with duckdb.connect(str(floor), read_only=True) as connection:
        for segment, contact in connection.execute("select segment, contact_id from members").fetchall():
            if contact in contacts:
                found.setdefault(segment, set()).add(contact)
    return found
