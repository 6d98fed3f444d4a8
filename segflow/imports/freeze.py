"""`segflow freeze`: the present members of a segment as a static list."""

from __future__ import annotations

from pathlib import Path

from segflow.errors import InputError, did_you_mean
from segflow.history.lookup import key_of, tick_at
from segflow.history.members import Wanted, members_query, stage_wanted
from segflow.imports.good_rows import Checked
from segflow.imports.import_contacts import Imported, check_list, keep
from segflow.warehouse.sqlfile import load_query
from segflow.workspace import Workspace

_SQL = Path(__file__).parent / "sql"


def freeze(project: Workspace, segment: str, list_name: str) -> Imported:
    """Record that the members of a segment, after the last tick, join a list: an import of nothing but contact ids,
    to which no flow reacts. The next tick takes it in; freezing the same members again changes nothing.

    Members of a stale segment that are gone from the contacts are left out. Raises InputError for an unknown segment
    or list, and before the first tick.
    """
    specs = project.specs
    if segment not in specs.segments:
        raise InputError(f"unknown segment {segment}{did_you_mean(segment, list(specs.segments))}")
    check_list(specs.catalog, list_name)
    with project.warehouse() as warehouse:
        warehouse.ensure_tables()
        tick = tick_at(warehouse, None)
        stage_wanted(warehouse, [Wanted(segment, key_of(warehouse, segment, specs.segments))])
        warehouse.stage("freezing", members_query(tick.tick_id, past=False))
        rows = warehouse.query(load_query(_SQL / "frozen.sql"))
    named = f"segment {segment} after tick {tick.tick_id}"
    return keep(project, Checked(rows, []), file=named, list_name=list_name, trigger_flows=False)
