"""Move what segflow knows of a project to a warehouse of another engine, where its next tick goes on.

Ledgers and states go over exactly. The user's own tables are theirs to load there, and models are built by the next
tick. The delivery store stays: its record of the last commit is what the new warehouse is held against, so that nobody
crosses because of the move and nothing is sent again; the old one, once the new has ticked, is behind it and refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from segflow.crashpoints import crash_point
from segflow.errors import InputError, RunError, did_you_mean
from segflow.flows.advance import enrollments_view
from segflow.outbox.lease import Lease, held_lease
from segflow.rebuild.carry import CARRIED, carry, write_files
from segflow.rebuild.other_words import OtherWords, other_words
from segflow.specs.dbt_profile import profile_name, project_engine, targets
from segflow.specs.load import issues_on
from segflow.specs.settings import Settings, WarehouseSettings
from segflow.ticks import ledger as ticks
from segflow.ticks import record
from segflow.warehouse.base import Warehouse
from segflow.warehouse.engine import Engine
from segflow.warehouse.engines import ENGINES, wing
from segflow.warehouse.ledgers import LedgerFiles
from segflow.workspace import Workspace


@dataclass(frozen=True)
class Moved:
    """What a move did, or with `dry_run` would do."""

    tick_id: str
    """The last tick: the next one, in the new place, follows it."""
    source: str
    target: str
    rows: dict[str, int]
    """Table -> rows."""
    engine: str
    """By its name in segflow.yml."""
    dbt_target: str
    dry_run: bool
    left_out: list[str]
    """The keys of segflow.yml that have nothing to say of the new engine."""
    to_mend: list[str]
    """What `segflow validate` will say of the files as they are, on the new engine."""
    sql_segments: list[str]
    """The files that are read as the new engine's SQL from then on."""


def move(project: Workspace, engine: str, target: str | None = None, *, dry_run: bool = False) -> Moved:
    """Copy segflow's tables to `engine`, where `target` of dbt's profile leads (default: the only one for it).

    All or nothing; the old warehouse stays as it is, and so do the files of the project. Raises InputError when the
    project is there already, has had no tick, or was edited since; when there is no such target, or it holds tables of
    segflow's with rows; RunError when a tick is under way, LeaseHeldError while one runs.
    """
    if engine not in ENGINES:
        raise InputError(f"--to {engine}: is none of {', '.join(ENGINES)}{did_you_mean(engine, ENGINES)}")
    specs = project.specs
    if engine == specs.engine:
        raise InputError(f"the project is on {wing(engine).title} already")
    settings, named = _settings_there(project, engine, target)
    there = project_engine(project.root, settings)
    if not project.engine.exists():
        raise InputError(_nothing(project.engine, engine))
    with held_lease(project.store.leases, project.holder) as lease, project.warehouse() as warehouse:
        warehouse.ensure_tables()
        last = _checked_last(project, warehouse, engine)
        changed = other_words(project.compiled, warehouse, engine)
        files = LedgerFiles(project.ledgers_path) if there.file_backed else None
        _check_empty(there, files)
        rows = warehouse.counts(CARRIED) if dry_run else _carry(warehouse, there, changed, project, lease, files)
    left_out = sorted(specs.settings.warehouse.model_fields_set) if not there.file_backed else []
    return Moved(
        tick_id=last.tick_id,
        source=project.engine.where,
        target=there.where,
        rows={name: count for name, count in rows.items() if count},
        engine=engine,
        dbt_target=named,
        dry_run=dry_run,
        left_out=[f"warehouse.{key}" for key in left_out],
        to_mend=[str(issue) for issue in issues_on(project.root, settings, engine)],
        sql_segments=[specs.segments[name].file for name in project.compiled.sql_segments()],
    )


def _settings_there(project: Workspace, engine: str, target: str | None) -> tuple[Settings, str]:
    """The settings as they are to be, and the target of dbt's profile."""
    root, settings = project.root, project.specs.settings
    known = targets(root, settings, engine)
    profile, title, adapter = profile_name(root, settings), wing(engine).title, wing(engine).adapter
    if not known:
        raise InputError(
            f"{profile} has no target for {title}: write one below outputs, with type: {adapter} "
            "(docs/ENGINES.md has an example)"
        )
    if target is not None and target not in known:
        near = did_you_mean(target, known) or f"; it has {', '.join(known)}"
        raise InputError(f"--target {target}: {profile} has no such target for {title}{near}")
    if target is None and len(known) > 1:
        raise InputError(f"{profile} has several targets for {title}: say which, --target {' or '.join(known)}")
    named = target or known[0]
    dbt = settings.dbt.model_copy(update={"target": named})
    files = settings.warehouse if wing(engine).file_backed else WarehouseSettings()
    return settings.model_copy(update={"engine": engine, "dbt": dbt, "warehouse": files}), named


def _checked_last(project: Workspace, warehouse: Warehouse, engine: str) -> ticks.TickRow:
    """The last tick, which is over, of a warehouse that is whole."""
    last = ticks.last(warehouse)
    record.check(project.store, last, project.engine)
    if last is None:
        raise InputError(_nothing(project.engine, engine))
    if last.place != "done":
        raise InputError(f"tick {last.tick_id} is not over, it has come to {last.place}: run segflow tick first")
    record.check_whole(warehouse, project.engine)
    return last


def _nothing(engine: Engine, to: str) -> str:
    return (
        f"there is nothing to move: {engine.where} knows of no tick. Write engine: {to} in segflow.yml, let dbt's "
        "profile lead there, and run segflow tick"
    )


def _check_empty(there: Engine, files: LedgerFiles | None) -> None:
    """A warehouse holds one history: what is of another, or of an earlier move, is for a person to take away."""
    if files is not None and files.folder.is_dir() and any(files.folder.rglob("*.parquet")):
        raise InputError(
            f"{files.folder} holds ledger files of another time. They belong to what was there before: give the folder "
            "another name, and move again"
        )
    if not there.exists():
        return
    with there.look() as target:
        present = target.kept()
        held = [name for name, rows in target.counts(present).items() if rows] if present else []
        last = ticks.last(target) if "ticks" in held else None
    if held:
        until = f"up to tick {last.tick_id}" if last is not None else f"in {', '.join(held)}"
        raise InputError(
            f"{there.where} has rows of segflow's already, {until}: a move goes to a place that has none. If they are "
            f"not needed, drop {_schemas(there)} there, and move again"
        )


def _schemas(there: Engine) -> str:
    *most, last = there.schemas
    return f"schemas {', '.join(most)} and {last}" if most else f"schema {last}"


def _check_committed(target: Warehouse, there: Engine, rows: dict[str, int]) -> None:
    """What was read back was the transaction's own: now it must be what everybody is shown."""
    shown = target.counts(list(rows))
    wrong = [f"{name} has {shown[name]:,} rows instead of {rows[name]:,}" for name in rows if shown[name] != rows[name]]
    if wrong:
        raise RunError(
            f"{there.where} does not show what was put in ({'; '.join(wrong)}). The project is where it was: drop "
            f"{_schemas(there)} there, and move again"
        )


def _carry(
    warehouse: Warehouse,
    there: Engine,
    changed: OtherWords,
    project: Workspace,
    lease: Lease,
    files: LedgerFiles | None,
) -> dict[str, int]:
    with there.open(keep_ledgers=False) as target:
        target.ensure_tables()
        # Of a move that was killed, where the engine does not take that back itself.
        target.clear()
        with target.transaction():
            rows = carry(warehouse, target, {"segment_versions": changed})
            record.check_whole(target, there)
            project.store.leases.check(lease)
            crash_point("move.before_commit")
        crash_point("move.committed")
        _check_committed(target, there, rows)
        target.create_view("flow_enrollments", enrollments_view())
        if files is not None:
            # Not before: files of a move that failed would belong to no warehouse. What is missing, doctor writes.
            write_files(target, files)
    return rows
