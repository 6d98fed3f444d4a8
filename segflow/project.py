"""A segflow project as an object: what the CLI and Dagster do, without a process of their own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from segflow.decisions.decider import Decider
from segflow.errors import InputError, did_you_mean
from segflow.ticks import ledger as ticks

# What a question (`preview`, `members`) does without is imported by the methods that need it: all of it takes a second.
if TYPE_CHECKING:
    from segflow.durations import Duration
    from segflow.explain.explain import Explanation
    from segflow.explain.look import Look
    from segflow.exports.single import Exported
    from segflow.flows.lift import Lift
    from segflow.flows.picture import Picture
    from segflow.history.listing import Listed
    from segflow.history.overlap import Overlap
    from segflow.history.timeline import History
    from segflow.history.trace import Trace
    from segflow.imports.columns import Mapping
    from segflow.imports.import_contacts import Imported
    from segflow.lint.findings import Finding
    from segflow.outbox.send import SendReport
    from segflow.plan.result import Plan
    from segflow.rebuild.delivery_store import RebuiltStore
    from segflow.rebuild.move import Moved
    from segflow.rebuild.rebuild import Rebuilt
    from segflow.segments.rule_tests import Outcome
    from segflow.specs.exports import Format, Kind
    from segflow.stages.tick_report import TickReport
    from segflow.stages.tick_run import TickRun
    from segflow.warehouse.ledgers import Compacted
    from segflow.worlds.backtest import Backtest

Progress = Callable[["TickRun", str], None]


class Project(Decider):
    """A project folder that can be ticked and asked."""

    def tick(self, as_of: datetime | None = None, send: bool = False, progress: Progress | None = None) -> TickReport:
        """Run one tick. A tick that died is resumed first; its time need not be `as_of`.

        `as_of`: aware, or read as UTC; default now; a fraction of a second is dropped, here and wherever it is asked
        for. `send=False` leaves messages in the outbox. Raises SpecError, LeaseHeldError, and what the stages raise;
        what one segment or sender cannot do is in `report.errors`.
        """
        from segflow.outbox.lease import held_lease
        from segflow.stages.tick import begin
        from segflow.ticks.ledger import moment_of

        as_of = None if as_of is None else moment_of(as_of)

        _ = self.compiled  # wrong specs are told before anything is touched
        # One connection stays open throughout: opening and closing the file for every stage cost half a second a tick.
        with held_lease(self.store.leases, self.holder) as lease, self.warehouse():
            run = begin(self, as_of, lease)
            report = self._run(run, send, progress)
            if run.report.resumed and (as_of is None or as_of > run.row.as_of):
                follow = begin(self, as_of, lease)
                if follow.row.tick_id != run.row.tick_id:
                    errors = report.errors
                    report = self._run(follow, send, progress)
                    report.resumed, report.errors = True, errors + report.errors
            return report

    def _run(self, run: TickRun, send: bool, progress: Progress | None) -> TickReport:
        from segflow.stages.order import STAGES
        from segflow.stages.tick import finish, run_stage

        for stage in STAGES:
            if progress is not None:
                progress(run, stage.name)
            run_stage(run, stage, skip=stage.name == "send" and not send)
        return finish(run)

    def drain(self, senders: Collection[str] = ()) -> SendReport:
        """Send what is due without a tick, at `senders` or at all. See `segflow.stages.between.drain`."""
        from segflow.stages.between import drain

        return drain(self, senders)

    def rebuild(self) -> Rebuilt:
        """Make the warehouse again from the ledger files, up to the last commit. See `segflow.rebuild.rebuild`."""
        from segflow.rebuild.rebuild import rebuild

        return rebuild(self)

    def rebuild_store(self) -> RebuiltStore:
        """Let a lost delivery store take over what the warehouse knows. See `segflow.rebuild.delivery_store`."""
        from segflow.rebuild.delivery_store import rebuild_store

        return rebuild_store(self)

    def move(self, engine: str, target: str | None = None, *, dry_run: bool = False) -> Moved:
        """Copy all that segflow knows to a warehouse of another engine. See `segflow.rebuild.move`."""
        from segflow.rebuild.move import move

        return move(self, engine, target, dry_run=dry_run)

    def compact(self, older_than: Duration) -> list[Compacted]:
        """Merge the ledger files of old ticks. See `segflow.rebuild.compact`."""
        from segflow.rebuild.compact import compact

        return compact(self, older_than)

    def members(self, segment: str) -> pa.Table:
        """(contact_id) of the present members of a segment, as of the last tick."""
        from segflow.history.members import present_members

        self._check_segment(segment)
        with self.warehouse() as warehouse:
            warehouse.ensure_tables()
            return present_members(warehouse, segment, self.specs.segments)

    def table(self, name: str) -> pa.Table:
        """All rows of a table of segflow's (`segment_entries`, `deliveries`, ...), as the last tick left it. Raises
        InputError for a name that is none."""
        from segflow.warehouse.base import all_rows
        from segflow.warehouse.tables import TABLES

        if name not in TABLES:
            raise InputError(f"no table {name!r} of segflow's{did_you_mean(name, list(TABLES))}")
        with self.warehouse() as warehouse:
            warehouse.ensure_tables()
            return warehouse.query(all_rows(name))

    def export(
        self,
        segment: str,
        output: Path | None = None,
        *,
        format: Format = "csv",
        columns: Sequence[str] = (),
        sort: Sequence[str] = (),
        where: str | None = None,
        only: Kind = "members",
        at: str | datetime | None = None,
        since: str | datetime | None = None,
        formula_guard: bool | None = None,
        file: str = "where",
    ) -> Exported:
        """Write the members of a segment, or who entered or exited it, to `output` (default: the exports folder).

        `columns`: default those of segflow.yml. `sort`: columns, `NAME:desc` for falling order. `where`: a condition in
        YAML, which errors call `file`. `at`: a tick's id or a time; default the last tick. `since`: entries and exits
        of later ticks; default those of tick `at` alone. `formula_guard`: apostrophes before what a spreadsheet would
        run; default what segflow.yml says. Attributes are as they are now. Raises InputError for an unknown name,
        moment or a path that can hold no file, SpecError, and RunError when evaluating or writing fails.
        """
        from segflow.exports.single import Request, export_segment
        from segflow.specs.ad_hoc import with_condition

        specs, condition = self.specs, None
        if where is not None:
            specs, name = with_condition(self.specs, where, file)
            condition = specs.segments[name].spec.where  # type: ignore[union-attr]
        request = Request(segment, format, output, columns, sort, condition, only, at, since, formula_guard)
        with self.warehouse() as warehouse:
            warehouse.ensure_tables()
            return export_segment(self.specs, warehouse, request, lambda model: self.models.relation(model))

    def segments(self) -> tuple[str, list[Listed]]:
        """The last tick's id, and its segments with size, owner and status. Raises InputError before the first tick."""
        from segflow.history.listing import listing
        from segflow.history.lookup import tick_at

        with self.warehouse() as warehouse:
            warehouse.ensure_tables()
            last = tick_at(warehouse, None).tick_id
            return last, listing(self.specs, warehouse, last)

    def history(self, segment: str, contact: str | None = None) -> History:
        """Versions and sizes of a segment, also of one that was removed; with `contact` the crossings of that contact.

        Raises InputError for a segment or contact that no tick has seen."""
        from segflow.history.timeline import history

        with self.warehouse() as warehouse:
            warehouse.ensure_tables()
            return history(warehouse, self.specs.segments, self.specs.settings.guards, segment, contact)

    def trace(self, contact: str) -> Trace:
        """One contact's crossings, enrollments, steps and messages, with the reasons. Raises InputError."""
        from segflow.history.trace import trace

        with self.warehouse() as warehouse:
            warehouse.ensure_tables()
            return trace(warehouse, contact)

    def overlap(self, *segments: str, at: str | datetime | None = None) -> Overlap:
        """How many members segments share, now or as of the tick that `at` names. Raises InputError."""
        from segflow.history.overlap import overlap

        with self.warehouse() as warehouse:
            warehouse.ensure_tables()
            return overlap(warehouse, self.specs.segments, segments, at)

    def preview(self, segment: str, as_of: datetime | None = None) -> pa.Table:
        """(contact_id) of who would be a member at `as_of` (default now), by the file as it is, without a tick.

        Attributes without history are read as they are now. Nothing is written. Raises TimeLimitError when a `.sql`
        segment takes longer than its limit.
        """
        from segflow.explain.look import members

        self._check_segment(segment)
        return members(self, segment, as_of)

    def look(self, segment: str, as_of: datetime | None = None, limit: int = 20) -> Look:
        """What `preview` finds, with numbers, samples of at most `limit` contacts, and the SQL.

        See `segflow.explain.look`. Nothing is written.
        """
        from segflow.explain.look import look

        self._check_segment(segment)
        return look(self, self.specs, segment, as_of, limit, ad_hoc=False)

    def look_for(self, condition: str, as_of: datetime | None = None, limit: int = 20, file: str = "condition") -> Look:
        """The same for a condition in YAML, which stands in no file; errors call it `file`. Raises SpecError."""
        from segflow.explain.look import look
        from segflow.specs.ad_hoc import with_condition

        specs, name = with_condition(self.specs, condition, file)
        return look(self, specs, name, as_of, limit, ad_hoc=True)

    def lint(self, segments: Sequence[str] = ()) -> list[Finding]:
        """What is probably not meant in `segments`, by default in all. See `segflow.lint.lint`."""
        from segflow.lint.lint import lint

        return lint(self, segments)

    def test(self, segments: Sequence[str] = ()) -> list[Outcome]:
        """Run the tests of `segments`, by default of all that have any. See `segflow.segments.rule_tests`."""
        from segflow.segments.rule_tests import run_tests

        return list(run_tests(self.specs, segments))

    def explain(self, segment: str, contact: str, as_of: datetime | None = None) -> Explanation:
        """Why a contact is in a segment at `as_of` (default now), or is not, by the file as it is.

        See `segflow.explain.explain`. Nothing is written. Raises InputError for a contact that is not there.
        """
        from segflow.explain.explain import explain

        self._check_segment(segment)
        return explain(self, segment, contact, as_of)

    def lifts(self) -> list[Lift]:
        """What flows with a goal and a holdout have changed, up to the last tick."""
        from segflow.flows.lift import lifts

        with self.warehouse() as warehouse:
            warehouse.ensure_tables()
            return lifts(warehouse)

    def plan(self, as_of: datetime | None = None) -> Plan:
        """What a tick at `as_of` (default now) would do with the files as they are. Nothing is written.

        Raises SpecError, InputError when `as_of` does not lie after the last tick or there is no warehouse yet, and
        RunError when a tick is at work or the contacts cannot be built."""
        from segflow.lint.lint import lint
        from segflow.plan.rehearse import plan

        found = plan(self, as_of)
        files = [one.segment for one in found.segments if one.change in ("new", "edited")]
        return replace(found, findings=[str(one) for one in lint(self, files)] if files else [])

    def picture(self, flow: str) -> Picture:
        """A flow as the file has it, with how many contacts stand at each step and have passed it. Raises InputError.

        Before the first tick, and without a warehouse, nobody has."""
        from segflow.flows.picture import pictures

        if flow not in self.specs.flows:
            raise InputError(f"unknown flow {flow}{did_you_mean(flow, list(self.specs.flows))}")
        asked = [self.specs.flows[flow]]
        if not self.engine.exists():
            return pictures(None, asked)[0]
        with self.warehouse() as warehouse:
            warehouse.ensure_tables()
            return pictures(warehouse, asked)[0]

    def backtest(self, flow: str, first: datetime, last: datetime, every: Duration, limit: int = 20) -> Backtest:
        """What a flow would have done over past ticks. See `segflow.worlds.backtest`. Nothing is written or sent."""
        from segflow.worlds.backtest import backtest

        return backtest(self, flow, first, last, every, limit)

    def tasks(self, assignee: str | None = None, flow: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
        """The rows of `segflow.tasks`, the latest first; times are UTC."""
        from segflow.history.tasks import tasks

        with self.warehouse() as warehouse:
            warehouse.ensure_tables()
            return tasks(warehouse, assignee, flow, limit)

    def import_contacts(
        self,
        source: Path | str | pa.Table,
        *,
        trigger_flows: bool,
        list_name: str | None = None,
        mapping: Mapping = (),
        formula_guard: bool = True,
    ) -> Imported:
        """Check a .csv or .parquet file, or a table, and record its good rows for the next tick, all of them or none.

        `trigger_flows`: may flows react to the crossings that it causes? `list_name` adds every contact to that list.
        `mapping`: (column, attribute) pairs for columns that bear other names; an empty attribute leaves one out.
        `formula_guard`: take the apostrophes of exports off the texts of a .csv file; False: the file has none.
        Raises InputError when the file, its header or the list is wrong; rows that are wrong are in `refused`.
        """
        from segflow.imports.import_contacts import import_contacts

        return import_contacts(
            self,
            source,
            trigger_flows=trigger_flows,
            list_name=list_name,
            mapping=mapping,
            formula_guard=formula_guard,
        )

    def freeze(self, segment: str, list_name: str) -> Imported:
        """Put the members that a segment has after the last tick on a list, in the next tick; no flow reacts to it.

        See `segflow.imports.freeze`. Raises InputError."""
        from segflow.imports.freeze import freeze

        return freeze(self, segment, list_name)

    def last_tick(self) -> ticks.TickRow | None:
        """The latest tick, or None."""
        with self.warehouse() as warehouse:
            warehouse.ensure_tables()
            return ticks.last(warehouse)

    def _check_segment(self, segment: str) -> None:
        if segment not in self.specs.segments:
            raise InputError(f"unknown segment {segment}{did_you_mean(segment, list(self.specs.segments))}")
