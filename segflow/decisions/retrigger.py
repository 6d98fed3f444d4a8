"""`segflow flow retrigger`: a person offers contacts to a flow again, without a crossing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from segflow.errors import InputError, did_you_mean
from segflow.files import reason as os_reason
from segflow.outbox.retriggers import Retrigger
from segflow.workspace import Workspace


def retrigger(
    project: Workspace,
    flow: str,
    segment: str | None = None,
    contacts: Sequence[str] | None = None,
    ignore_reentry: bool = False,
    reason: str | None = None,
) -> Retrigger:
    """Let the next tick offer contacts to `flow` again: the present members of the segments that trigger it (or of
    `segment`, one of them), or `contacts`, as far as they meet its trigger now.

    It takes no lease: a tick that runs meanwhile uses it when it has not come that far yet. Raises InputError, and
    records nothing, when the flow is unknown or not active, or its trigger does not fit.
    """
    flows = project.specs.flows
    if flow not in flows:
        raise InputError(f"unknown flow {flow}{did_you_mean(flow, list(flows))}")
    spec = flows[flow].spec
    if spec.status != "active":
        raise InputError(
            f"flow {flow} is {spec.status}, so it takes in no one: set status: active in {flows[flow].file}"
        )
    triggers = [one for one in spec.triggers() if one.side() is not None]
    if not triggers:
        told = ", ".join(one.told() for one in spec.triggers())
        raise InputError(
            f"flow {flow} is not for the members of a segment (its triggers: {told}): use segflow flow enroll"
        )
    named = [one for one in triggers if segment is None or one.segment_read() == segment]
    if not named:
        told = ", ".join(one.told() for one in triggers)
        raise InputError(f"segment {segment} does not trigger flow {flow}; its triggers are: {told}")
    if contacts is None and all(one.side() == "out" for one in named):
        told = ", ".join(one.told() for one in named)
        raise InputError(
            f"flow {flow} is for those who leave ({told}), and everybody outside would be too many: name the contacts "
            "with --contacts FILE"
        )
    if contacts is not None and not contacts:
        raise InputError("there are no contacts to offer: the list is empty")
    return project.store.retriggers.record(flow, segment, contacts, ignore_reentry, reason)


def contacts_of(path: Path) -> list[str]:
    """The ids in column contact_id of a CSV or Parquet file (by its suffix), each once, in the order of the file.

    Raises InputError when it cannot be read or has no such column.
    """
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    try:
        if path.suffix.lower() == ".parquet":
            table = parquet.read_table(path)
        else:
            text = csv.ConvertOptions(column_types={"contact_id": pa.string()}, strings_can_be_null=True)
            table = csv.read_csv(path, convert_options=text)
    except OSError as error:
        raise InputError(f"cannot read {path}: {os_reason(error)}") from error
    except pa.ArrowException as error:
        raise InputError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    if "contact_id" not in table.column_names:
        known = ", ".join(table.column_names)
        raise InputError(
            f"{path} has no column contact_id{did_you_mean('contact_id', table.column_names)}; it has: {known}"
        )
    ids = pc.drop_null(table.column("contact_id").cast(pa.string()))
    return [one for one in pc.unique(ids).to_pylist() if one]
