"""Who may use the HTTP API, and what was called: keys by their digest, and one row a call."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

from sqlalchemy import delete, insert, select, update

from segflow.errors import InputError, did_you_mean
from segflow.outbox.database import Database
from segflow.outbox.decisions import who
from segflow.outbox.schema_people import api_calls, api_keys

Role = Literal["analyst", "marketer", "operator"]
"""Each may do what those before it may. analyst: reads; marketer: pauses, resumes and retriggers flows, sends tests;
operator: releases what guards hold, and rebuilds."""
ROLES: tuple[Role, ...] = get_args(Role)
PREFIX = "sfk_"
KEPT = timedelta(days=400)
"""Rows of calls that are older are removed when a key is made or revoked."""


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """A key that is in force."""

    name: str
    role: Role
    personal_data: bool
    """It may read attributes, addresses and what was said of a contact, beside ids."""

    def may(self, role: Role) -> bool:
        """Does it have the rights of `role`?"""
        return ROLES.index(self.role) >= ROLES.index(role)


class ApiKeys:
    """The keys of a delivery store. They need no lease: a tick has nothing to do with them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, role: Role, *, personal_data: bool = False) -> str:
        """Make a key and return it: it is shown this once. Raises InputError for a name that is taken, also by a key
        that was revoked: rows of calls name it."""
        key = PREFIX + secrets.token_urlsafe(32)
        row = {
            "name": name,
            "digest": _digest(key),
            "role": role,
            "personal_data": personal_data,
            "made_by": who(),
            "made_at": datetime.now(UTC),
        }
        with self._database.write("api_keys") as connection:
            made = connection.execute(self._database.insert_or_ignore(api_keys), [row]).rowcount
            self._forget(connection)
        if not made:
            raise InputError(f"there is a key called {name} already; choose another name")
        return key

    def revoke(self, name: str) -> None:
        """Let a key count no more, from the next call on. Raises InputError when there is none in force."""
        mine = (api_keys.c.name == name) & api_keys.c.revoked_at.is_(None)
        with self._database.write("api_keys") as connection:
            changed = connection.execute(
                update(api_keys).where(mine).values(revoked_at=datetime.now(UTC), revoked_by=who())
            ).rowcount
            self._forget(connection)
        if not changed:
            known = [row["name"] for row in self.all() if row["revoked_at"] is None]
            raise InputError(f"there is no key {name} in force{did_you_mean(name, known)}")

    def all(self) -> list[dict[str, Any]]:
        """Every key without its digest: name, role, personal_data, made_by, made_at, revoked_by, revoked_at."""
        columns = [column for column in api_keys.c if column.name != "digest"]
        with self._database.read() as connection:
            return [dict(row._mapping) for row in connection.execute(select(*columns).order_by(api_keys.c.made_at))]

    def find(self, key: str) -> ApiKey | None:
        """The key in force that `key` is. By its digest: how long the look-up takes tells nothing of keys."""
        mine = (api_keys.c.digest == _digest(key)) & api_keys.c.revoked_at.is_(None)
        with self._database.read() as connection:
            row = connection.execute(select(api_keys).where(mine)).one_or_none()
        return None if row is None else ApiKey(name=row.name, role=row.role, personal_data=row.personal_data)

    def note(self, *, key: ApiKey | None, client: str | None, method: str, path: str, status: int) -> None:
        """Keep that something was called, and what was answered."""
        row = {
            "id": uuid.uuid4().hex,
            "at": datetime.now(UTC),
            "key": key.name if key else None,
            "role": key.role if key else None,
            "client": client,
            "method": method,
            "path": path,
            "status": status,
        }
        with self._database.write("api_calls") as connection:
            connection.execute(insert(api_calls), [row])

    def calls(self, limit: int = 100) -> list[dict[str, Any]]:
        """The last calls, the latest first: at, key, role, client, method, path, status."""
        columns = [column for column in api_calls.c if column.name != "id"]
        latest = select(*columns).order_by(api_calls.c.at.desc(), api_calls.c.id).limit(limit)
        with self._database.read() as connection:
            return [dict(row._mapping) for row in connection.execute(latest)]

    def _forget(self, connection: Any) -> None:
        connection.execute(delete(api_calls).where(api_calls.c.at < datetime.now(UTC) - KEPT))


def _digest(key: str) -> str:
    # A key is 256 random bits: there is nothing to guess, so that a slow hash would only cost time at each call.
    return hashlib.sha256(key.encode()).hexdigest()
