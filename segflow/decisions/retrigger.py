"""`segflow flow retrigger`, `segflow flow enroll`: a person offers contacts to a flow, without a trigger."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from segflow.errors import InputError, did_you_mean
from segflow.files import reason as os_reason
from segflow.outbox.retriggers import Enroll, Retrigger
from segflow.specs.flow import FlowSpec
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
    spec = _active(project, flow)
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
    _some(contacts)
    return project.store.retriggers.record(flow, segment, contacts, ignore_reentry, reason)


def enroll(
    project: Workspace,
    flow: str,
    segment: str | None = None,
    contacts: Sequence[str] | None = None,
    ignore_reentry: bool = False,
    reason: str | None = None,
) -> Enroll:
    """Let the next tick take contacts into `flow`: the present members of `segment`, any segment, or `contacts`. They
    need not meet its trigger; its filter and, unless `ignore_reentry`, its re-entry rule hold for them.

    It takes no lease. Raises InputError, and records nothing, when the flow is unknown or not active, the segment is
    unknown, or not exactly one of the two is given.
    """
    _active(project, flow)
    segments = project.specs.segments
    if (segment is None) == (contacts is None):
        raise InputError("say whom to enroll: either --contacts FILE or --segment SEGMENT")
    if segment is not None and segment not in segments:
        raise InputError(f"unknown segment {segment}{did_you_mean(segment, list(segments))}")
    _some(contacts)
    return project.store.enrolls.record(flow, segment, contacts, ignore_reentry, reason)


def _active(project: Workspace, flow: str) -> FlowSpec:
    flows = project.specs.flows
    if flow not in flows:
        raise InputError(f"unknown flow {flow}{did_you_mean(flow, list(flows))}")
    spec = flows[flow].spec
    if spec.status != "active":
        raise InputError(
            f"flow {flow} is {spec.status}, so it takes in no one: set status: active in {flows[flow].file}"
        )
    return spec


def _some(contacts: Sequence[str] | None) -> None:
    if contacts is not None and not contacts:
        raise InputError("there are no contacts to offer: the list is empty")


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
