"""The ledger of ticks: which ones ran, how far, and which one comes next."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from sqlglot import exp

from segflow.errors import InputError
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.tables import TABLES, arrow_schema

STAGE_NAMES = ("ingest", "build", "cross", "advance", "send", "export")
"""The stages of a tick, in order. What each of them does stands in `segflow.stages.order`."""
PLACES = ("begun", *STAGE_NAMES, "done")
"""How far a tick can have come, in order: it was begun, a stage is done, all of it is done."""
_TICK_ID = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class TickRow:
    """One row of `segflow.ticks`. `stage` is the last stage that is done; `status` is running or done."""

    tick_id: str
    as_of: datetime
    """UTC, with zone."""
    stage: str | None
    status: str
    started_at: datetime
    finished_at: datetime | None = None
    contacts: int | None = None
    null_contacts: int | None = None
    bounds: str | None = None
    compiled: str | None = None
    """Which models the build of this tick ran: a hash of their text. None: none, or a rebuild lost them."""
    previous_tick: str | None = None
    """The id of the tick before, None at the first."""
    ledger_rows: str | None = None
    """How many rows this tick added to each ledger, as JSON; ledgers without any are left out."""

    @property
    def place(self) -> str:
        """How far the tick has come: one of PLACES."""
        return "done" if self.status == "done" else self.stage or "begun"

    def counts(self) -> dict[str, int]:
        """`ledger_rows` as a dictionary."""
        found: dict[str, int] = json.loads(self.ledger_rows or "{}")
        return found

    def counted(self, rows: dict[str, int]) -> TickRow:
        """This row with the numbers of more ledgers."""
        told = {ledger: count for ledger, count in {**self.counts(), **rows}.items() if count}
        return self.with_(ledger_rows=json.dumps(told, sort_keys=True))

    def with_(self, **changes: Any) -> TickRow:
        return replace(self, **changes)


def moment_of(as_of: datetime | None) -> datetime:
    """The moment that a tick or a question looks at: in UTC, and to the second, as a tick's id has it.

    A time without a zone is UTC; a fraction of a second is dropped; None is now.
    """
    moment = as_of or datetime.now(UTC)
    moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.replace(microsecond=0)


def tick_id_of(as_of: datetime) -> str:
    """A tick's id: its as_of in UTC, so that ids sort as the ticks do."""
    return as_of.astimezone(UTC).strftime(_TICK_ID)


def as_of_of(tick_id: str) -> datetime:
    """The inverse: the `as_of` of a tick. Raises ValueError for a text that is no tick's id."""
    return datetime.strptime(tick_id, _TICK_ID).replace(tzinfo=UTC)


def save(warehouse: Warehouse, row: TickRow) -> None:
    """Write the row of a tick; writing it again replaces it."""
    warehouse.append("ticks", row.tick_id, as_table([row]).drop_columns("tick_id"))


def as_table(rows: Iterable[TickRow]) -> pa.Table:
    """Rows of `ticks`."""
    plain = [{name: _plain(value) for name, value in asdict(row).items()} for row in rows]
    return pa.Table.from_pylist(plain, schema=arrow_schema("ticks"))


def from_table(rows: pa.Table) -> list[TickRow]:
    """The rows of such a table."""
    return [_row(values) for values in rows.to_pylist()]


def load(warehouse: Warehouse, tick_id: str) -> TickRow | None:
    """The row of a tick, or None."""
    rows = warehouse.rows(_select().where(exp.column("tick_id").eq(exp.Literal.string(tick_id))))
    return _row(rows[0]) if rows else None


def last(warehouse: Warehouse) -> TickRow | None:
    """The latest tick, or None before the first."""
    rows = warehouse.rows(_select().order_by("tick_id DESC").limit(1))
    return _row(rows[0]) if rows else None


def after(warehouse: Warehouse, tick_id: str | None) -> list[TickRow]:
    """The ticks after `tick_id`, all with None, in order."""
    rows = _select().order_by("tick_id")
    if tick_id is not None:
        rows = rows.where(exp.column("tick_id") > exp.Literal.string(tick_id))
    return [_row(row) for row in warehouse.rows(rows)]


def previous(warehouse: Warehouse, tick_id: str) -> TickRow | None:
    """The tick before `tick_id`, or None."""
    before = exp.column("tick_id") < exp.Literal.string(tick_id)
    rows = warehouse.rows(_select().where(before).order_by("tick_id DESC").limit(1))
    return _row(rows[0]) if rows else None


def check_order(as_of: datetime, latest: TickRow | None) -> None:
    """Raise InputError when a tick at `as_of` would not come after the latest one."""
    if latest is not None and as_of < latest.as_of:
        raise InputError(
            f"a tick at {as_of.isoformat()} would lie before the last one, {latest.as_of.isoformat()}: ticks only go "
            "forward, because crossings were already recorded. Give a later --as-of."
        )


def _select() -> exp.Select:
    return exp.select(*TABLES["ticks"].columns).from_(relation("ticks"))


def _row(values: dict[str, Any]) -> TickRow:
    times = {name: _aware(values[name]) for name in ("as_of", "started_at", "finished_at")}
    return TickRow(**{**values, **times})


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value


def _aware(instant: datetime | None) -> datetime | None:
    return instant.replace(tzinfo=UTC) if instant else None
