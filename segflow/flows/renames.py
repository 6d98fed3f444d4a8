"""Names of flows: a file that says `renamed_from` goes on with the history of the name that it had.

Enrollments, messages and their ids stay what they are; the rows of ledgers and states show the name that the flow has
now. The ledger files keep the name of their time, and ledger `flow_renames` says when it changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
from sqlglot import exp

from segflow.specs.project import Specs
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.tables import TABLES

LEDGER = "flow_renames"
SCHEMA = pa.schema([("flow", pa.string()), ("renamed_from", pa.string()), ("ordinal", pa.int64())])
KINDS = ("flow", "pause", "resume")
"""The kinds of `decisions` whose `name` is a flow."""
NOT_NAMED = (LEDGER, "build_faults")
"""Tables with such a column that is not about a flow as it is called now."""


@dataclass(frozen=True)
class Rename:
    """`old` is called `new` from a tick on."""

    old: str
    new: str


def due_renames(specs: Specs, warehouse: Warehouse) -> list[Rename]:
    """What files say in `renamed_from` and the tables do not show yet, in order.

    A file that takes over a name under which another flow lived before does not become one with that: the history
    there is put aside under a name that no file can have.
    """
    if not any(named.spec.earlier_names for named in specs.flows.values()):
        return []
    known = _known(warehouse)
    found = []
    for flow, named in specs.flows.items():
        earlier = [old for old in named.spec.earlier_names if old in known and old not in specs.flows]
        if not earlier:
            continue
        for clash in [flow, *earlier[:-1]]:
            if clash in known:
                found.append(Rename(clash, _unused(clash, known)))
                known.add(found[-1].new)
        found.append(Rename(earlier[-1], flow))
        known = known - {earlier[-1]} | {flow}
    return found


def record(warehouse: Warehouse, tick_id: str, renames: Iterable[Rename]) -> None:
    """Add renames to those that this tick has done already. The caller shows them."""
    mine = exp.column("tick_id").eq(exp.Literal.string(tick_id))
    done = warehouse.rows(exp.select(*SCHEMA.names).from_(relation(LEDGER)).where(mine))
    new = [{"flow": one.new, "renamed_from": one.old} for one in renames]
    rows = [*done, *({**one, "ordinal": number} for number, one in enumerate(new, start=len(done)))]
    warehouse.append(LEDGER, tick_id, pa.Table.from_pylist(rows, schema=SCHEMA))


def show(warehouse: Warehouse, renames: Iterable[Rename], before: str) -> None:
    """Give the rows of ticks before `before`, and those of states, the new names. Call it in a transaction."""
    for one in renames:
        for table in TABLES.values():
            column = "name" if table.name == "decisions" else "flow"
            if column not in table.columns or table.name in NOT_NAMED:
                continue
            mine: list[exp.Expr] = [exp.column(column, quoted=True).eq(exp.Literal.string(one.old))]
            if table.name == "decisions":
                mine.append(exp.column("kind").isin(*KINDS))
            if "tick_id" in table.columns:
                mine.append(exp.column("tick_id") < exp.Literal.string(before))
            warehouse.amend(table.name, {column: exp.Literal.string(one.new)}, exp.and_(*mine))


def show_all(warehouse: Warehouse) -> None:
    """Show every rename of the ledger, as the ticks did: after the ledgers were read back from their files."""
    for row in warehouse.rows(exp.select("*").from_(relation(LEDGER)).order_by("tick_id", "ordinal")):
        show(warehouse, [Rename(row["renamed_from"], row["flow"])], row["tick_id"])


def _known(warehouse: Warehouse) -> set[str]:
    rows = warehouse.rows(exp.select("flow").distinct().from_(relation("flow_versions")))
    return {row["flow"] for row in rows}


def _unused(name: str, known: set[str]) -> str:
    number = 1
    while f"{name}#{number}" in known:
        number += 1
    return f"{name}#{number}"
