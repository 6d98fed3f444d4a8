"""The states as they follow from the ledgers. Each is one query; a test holds it to the state after every tick."""

from __future__ import annotations

from pathlib import Path

from sqlglot import exp

from segflow.crossings.cross import state_query
from segflow.ticks.ledger import PLACES, TickRow
from segflow.warehouse.sqlfile import load_query

_SQL = Path(__file__).parent / "sql"
REPLAYED = (
    "contact_state", "segment_members", "segment_state", "flow_positions", "flow_waiting", "flow_restart_state",
)  # fmt: skip
"""The states that are made from ledgers. `suppressions` is the delivery store's; `segment_views`, `build_faults` and
`time_zones` are about the models that are built, and made with them."""


def replayed(state: str, last: TickRow) -> exp.Query:
    """The rows of `state` as the ledgers up to `last`, the last tick, have them."""
    if state == "segment_state":
        crossed = PLACES.index(last.place) >= PLACES.index("cross")
        return state_query(last.tick_id if crossed else last.previous_tick or "")
    return load_query(_SQL / f"{state}.sql")
