"""The lease: at most one tick runs at a time, over processes and machines, with a fencing token.

Each new holder gets a larger token. Whoever writes to the delivery store names its token in the same transaction, so a
process that slept through the loss of its lease cannot write any more. A lease that ran out while its holder stood
still (a suspended machine, a clock that was set) and that nobody took is still the holder's: it is held anew in the
same transaction that finds it, so that nobody takes it in between.

Times are those of the store: on Postgres the server's clock, whatever the clocks of the machines say; with SQLite all
processes are on one machine.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Row, bindparam, select, update

from segflow.errors import LeaseHeldError, LeaseLostError, RunError
from segflow.outbox.database import Database
from segflow.outbox.processes import machine, process_identity
from segflow.outbox.schema import lease as lease_rows
from segflow.outbox.schema import marks

TICK_LEASE = "tick"
GIVES_WAY = "drain:"
"""How the names of holders begin that let go when somebody asks."""
PATIENCE = 60.0
"""Seconds to wait for a holder that gives way: as long as a message on its way may take."""
_WANTED, _WAITS = "wanted:", 5.0
_NOTHING_MORE = "Nothing more is written here; run segflow tick again, it resumes what is left."
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lease:
    """A lease that was held when this was made. `token` grows with each new holder."""

    name: str
    holder: str
    token: int
    ttl: float = field(default=60, compare=False)
    """Seconds for which it is held each time."""


@dataclass(frozen=True)
class LeaseState:
    """Who has a lease. `dead`: its process on this machine is no more; `expired`: the holder may live."""

    state: Literal["free", "held", "dead", "expired"]
    since: datetime | None = None
    holder: str = ""
    """In words: holder, pid, host and since when."""


# Built once: every transaction of the delivery store asks for the lease.
_LOOKED_AT = select(lease_rows).where(lease_rows.c.name == bindparam("wanted"))
_LOCKED = _LOOKED_AT.with_for_update()


class LeaseTable:
    """Acquire, renew, check and release leases. Every method is one durable transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        columns = lease_rows.c.token, lease_rows.c.holder, lease_rows.c.expires_at, database.driver.clock()
        self._mine = select(*columns).where(lease_rows.c.name == bindparam("wanted")).with_for_update()

    def acquire(self, holder: str, ttl: float, name: str = TICK_LEASE) -> Lease:
        """Take the lease for `ttl` seconds.

        The same holder gets it again with the same token. A lease that is expired, or whose holder was a process of
        this machine that is dead, goes to the new holder. Otherwise raises LeaseHeldError.
        """
        with self._database.write("lease") as connection:
            now = self._database.now(connection)
            free = {"name": name, "token": 0, "acquired_at": now, "expires_at": now}
            connection.execute(self._database.insert_or_ignore(lease_rows), [free])
            row = self._row(connection, name)
            assert row is not None
            token, since = row.token, row.acquired_at
            if row.holder != holder:
                if row.holder is not None and row.expires_at > now and not _died(row):
                    raise LeaseHeldError(_held_by(row, now), gives_way=row.holder.startswith(GIVES_WAY))
                token, since = row.token + 1, now
            values: dict[str, Any] = {
                "holder": holder,
                "token": token,
                "acquired_at": since,
                "expires_at": now + timedelta(seconds=ttl),
                "host": socket.gethostname(),
                "pid": os.getpid(),
                "process": process_identity(os.getpid()),
            }
            connection.execute(update(lease_rows).where(lease_rows.c.name == name).values(**values))
            return Lease(name, holder, token, ttl)

    def renew(self, lease: Lease, ttl: float, *, detached: bool = False) -> None:
        """Hold the lease for `ttl` seconds from now on. Raises LeaseLostError when another holder has it by now.

        Just before a commit elsewhere (the warehouse), this makes sure that nobody takes over within `ttl`.
        `detached` unties it from this process, so that it outlives it for `ttl`: the next process of the same holder
        goes on, and nobody takes it for the lease of a dead one.
        """
        values: dict[str, Any] = {"pid": None, "process": None} if detached else {}
        with self._database.write("renew") as connection:
            self.check_in(connection, lease)
            values["expires_at"] = self._database.now(connection) + timedelta(seconds=ttl)
            connection.execute(update(lease_rows).where(lease_rows.c.name == lease.name).values(**values))

    def check(self, lease: Lease) -> None:
        """Raise LeaseLostError when another holder has the lease by now; one that ran out is held anew."""
        with self._database.read() as connection:
            row = self._row(connection, lease.name, lock=False)
            _judge(lease, row)
            if row is not None and row.expires_at > self._database.now(connection):
                return
        with self._database.write("renew") as connection:
            self.check_in(connection, lease)

    def check_in(self, connection: Connection, lease: Lease) -> None:
        """The same inside a transaction: until it ends, nobody can take the lease."""
        driver = self._database.driver
        row = driver.run(connection, self._mine, {"wanted": lease.name}).fetchone()
        if row is None or row[:2] != (lease.token, lease.holder):
            _judge(lease, self._row(connection, lease.name))
            return
        ends, now = driver.read_instant(row[2]), driver.read_clock(row[3])
        if ends is None or ends <= now:
            log.warning("%s stood still until its lease '%s' had run out; nobody took it", lease.holder, lease.name)
            held = now + timedelta(seconds=lease.ttl)
            connection.execute(update(lease_rows).where(lease_rows.c.name == lease.name).values(expires_at=held))

    def look(self, name: str = TICK_LEASE) -> LeaseState:
        """Who has the lease, and whether they live, without touching it."""
        with self._database.read() as connection:
            row = self._row(connection, name, lock=False)
            if row is None or row.holder is None:
                return LeaseState("free")
            now = self._database.now(connection)
        state: Literal["held", "dead", "expired"] = "expired" if row.expires_at <= now else "held"
        return LeaseState("dead" if _died(row) else state, row.acquired_at, _holder(row))

    def ask_for(self, name: str = TICK_LEASE) -> None:
        """Ask a holder that gives way to let go of the lease soon."""
        with self._database.write("lease") as connection:
            row = {"name": _WANTED + name, "value": self._database.now(connection).isoformat()}
            connection.execute(self._database.insert_or_update(marks, "value"), [row])

    def asked_for(self, name: str = TICK_LEASE) -> bool:
        """Has somebody asked for the lease in the last seconds, who still waits for it?"""
        with self._database.read() as connection:
            at = connection.scalar(select(marks.c.value).where(marks.c.name == _WANTED + name))
            if at is None:
                return False
            return self._database.now(connection) - datetime.fromisoformat(at) < timedelta(seconds=_WAITS)

    def release(self, lease: Lease) -> None:
        """Give the lease back; nothing happens when it is lost already."""
        held = (
            (lease_rows.c.name == lease.name)
            & (lease_rows.c.token == lease.token)
            & (lease_rows.c.holder == lease.holder)
        )
        with self._database.write("lease_release") as connection:
            connection.execute(update(lease_rows).where(held).values(holder=None, pid=None, process=None))

    def _row(self, connection: Connection, name: str, *, lock: bool = True) -> Row[Any] | None:
        return connection.execute(_LOCKED if lock else _LOOKED_AT, {"wanted": name}).one_or_none()


@contextlib.contextmanager
def held_lease(leases: LeaseTable, holder: str, ttl: float = 60, *, keep: bool = False) -> Iterator[Lease]:
    """Hold the tick's lease while the block runs, renewed by a thread every third of `ttl` seconds. A holder that gives
    way (`segflow outbox drain`) is asked to, and waited for; other such holders just fail.

    The block is not interrupted when the lease is lost: its next write to the store raises LeaseLostError. With `keep`
    the lease stays with `holder` for `ttl` seconds after the block, for the next process of the same run.
    Raises LeaseHeldError when another holder has it.
    """
    lease = _acquired(leases, holder, ttl)
    done = threading.Event()

    def beat() -> None:
        while not done.wait(ttl / 3):
            try:
                leases.renew(lease, ttl)
            except LeaseLostError as error:
                log.error("%s", error)
                return
            except RunError as error:
                log.warning("could not renew the lease '%s' yet: %s", lease.name, error)

    thread = threading.Thread(target=beat, name=f"lease {lease.name}", daemon=True)
    thread.start()

    def let_go() -> None:
        done.set()
        thread.join()
        if keep:
            with contextlib.suppress(LeaseLostError):
                leases.renew(lease, ttl, detached=True)
        else:
            leases.release(lease)

    try:
        yield lease
    except BaseException:
        # On a full disk this fails, too; the error that ended the block is the one to tell. The lease then runs out.
        with contextlib.suppress(RunError):
            let_go()
        raise
    let_go()


def _acquired(leases: LeaseTable, holder: str, ttl: float) -> Lease:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return leases.acquire(holder, ttl)
        except LeaseHeldError as error:
            if not error.gives_way or holder.startswith(GIVES_WAY) or time.monotonic() > end:
                raise
            leases.ask_for()
            time.sleep(0.2)


def _died(row: Row[Any]) -> bool:
    """Is the holder certainly dead? In doubt no: the lease then ends by expiring."""
    if row.pid is None or row.process is None or row.host != socket.gethostname():
        return False
    if row.process and row.process.rpartition("/")[0] != machine():
        return False
    return bool(process_identity(row.pid) != row.process)


def _judge(lease: Lease, row: Row[Any] | None) -> None:
    if row is None or row.token != lease.token or row.holder != lease.holder:
        now_with = "nobody holds it now" if row is None or row.holder is None else _holder(row)
        raise LeaseLostError(f"{lease.holder} lost the lease '{lease.name}': {now_with}. {_NOTHING_MORE}")


def _held_by(row: Row[Any], now: datetime) -> str:
    left = max(0, round((row.expires_at - now).total_seconds()))
    what = "segflow outbox drain is sending" if row.holder.startswith(GIVES_WAY) else "another tick runs"
    return f"{what}: {_holder(row)}. If it is dead, the lease is free again in {left} s."


def _holder(row: Row[Any]) -> str:
    where = f"pid {row.pid} on {row.host}" if row.pid is not None else f"on {row.host}"
    return f"{row.holder} ({where}) holds the lease since {_utc(row.acquired_at)}"


def _utc(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%d %H:%M:%S UTC")
