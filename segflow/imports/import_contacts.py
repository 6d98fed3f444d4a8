"""`segflow import`: contacts, values and list members from a file, with the answer whether flows may react."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
from pyarrow import ipc, parquet

from segflow.errors import InputError, did_you_mean
from segflow.imports.barred import barred_from
from segflow.imports.columns import CONTACT, Mapping, targets
from segflow.imports.good_rows import Checked, check_rows
from segflow.imports.import_files import Refused, given_table, read_file
from segflow.outbox.imports import Batch
from segflow.specs.catalog import Catalog
from segflow.warehouse.engines import scratch
from segflow.workspace import Workspace


@dataclass(frozen=True)
class Imported:
    """What became of an import. Its rows wait for the next tick."""

    import_id: str | None
    """None when no row was good: nothing was recorded."""
    file: str
    list: str | None
    trigger_flows: bool
    rows: int
    refused: Sequence[Refused]
    repeated: bool
    """The same rows with the same answer were imported before: nothing was recorded."""
    decided_by: str | None
    decided_at: datetime | None
    tick_id: str | None
    """The tick that took it in; None while it waits."""


def import_contacts(
    project: Workspace,
    source: Path | str | pa.Table,
    *,
    trigger_flows: bool,
    list_name: str | None = None,
    mapping: Mapping = (),
    formula_guard: bool = True,
) -> Imported:
    """Check a file or table and record its good rows for the next tick, all of them or none.

    `formula_guard`: see `read_file`. It takes no lease. Raises InputError when the file, its header or the list is
    wrong, RunError when the stores cannot be used.
    """
    catalog = project.specs.catalog
    if list_name is not None:
        check_list(catalog, list_name)
    if isinstance(source, pa.Table):
        given = given_table(source)
    else:
        given = read_file(Path(source), formula_guard=formula_guard)
    columns = targets(given, catalog, mapping)
    barred = barred_from(project)
    owned = any(name != CONTACT and catalog.contacts.attributes[name].written_by == "source" for name in columns)
    if owned and project.engine.exists():
        with project.warehouse() as warehouse:
            warehouse.ensure_tables()
            checked = check_rows(warehouse, given, columns, catalog, barred)
    else:
        with scratch() as warehouse:
            checked = check_rows(warehouse, given, columns, catalog, barred)
    return keep(project, checked, file=given.name, list_name=list_name, trigger_flows=trigger_flows)


def check_list(catalog: Catalog, list_name: str) -> None:
    """Raise InputError when there can be no list of this name."""
    if catalog.lists.names and list_name not in catalog.lists.names:
        near = did_you_mean(list_name, catalog.lists.names) or f"; there are {', '.join(catalog.lists.names)}"
        raise InputError(f"there is no list {list_name} in the catalog{near}")
    if not list_name.strip():
        raise InputError("the list has no name")


def keep(
    project: Workspace, checked: Checked, *, file: str, list_name: str | None, trigger_flows: bool, about: str = ""
) -> Imported:
    """Record good rows. The same ones with the same list, answer and `about` are one import, whatever the file is
    called."""
    if not checked.rows.num_rows:
        return Imported(None, file, list_name, trigger_flows, 0, checked.refused, False, None, None, None)
    batch = Batch(
        import_id=_import_id(checked.rows, list_name, trigger_flows, about),
        file=file,
        list=list_name,
        trigger_flows=trigger_flows,
        rows=checked.rows.num_rows,
        refused=len(checked.refused),
        content=_content(checked.rows),
    )
    row, new = project.store.imports.record(batch)
    return Imported(**{**row, "refused": checked.refused}, repeated=not new)


def _import_id(rows: pa.Table, list_name: str | None, trigger_flows: bool, about: str) -> str:
    """A hash of the rows. Where another version of Arrow hashes them otherwise, the tick finds that nothing changed."""
    digest = hashlib.sha256(json.dumps([list_name, trigger_flows, about]).encode())
    sink = io.BytesIO()
    with ipc.new_stream(sink, rows.schema) as stream:
        stream.write_table(rows.combine_chunks())
    digest.update(sink.getbuffer())
    return digest.hexdigest()[:32]


def _content(rows: pa.Table) -> bytes:
    sink = io.BytesIO()
    parquet.write_table(rows, sink, compression="zstd", write_page_checksum=True)
    return sink.getvalue()
