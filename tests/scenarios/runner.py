"""Runs the scenarios of this folder: a world in YAML, what changes at each tick, and what must come of it.

A file holds scenarios by name. Each has the world at the start (`contacts`, `events`, `lists`, `tags`, `segments`,
`flows`; `contacts_spec`, which is added to the catalog's contacts, and `catalog_spec`, to the rest of the catalog) and
`ticks`. A tick has its time (`at`), what changes before it (the same keys; null removes) and what must come of it;
`leave_list: {news: [ana]}` takes contacts off a list. Data with a time (`at`, `added_at`, `created_at`) may stand at
the start: nobody sees it before. `settings` of a scenario is its segflow.yml. What a person says before a tick:
`release: {segments: [old], flows: [hi]}`, and
`retrigger: {flow: hi, segment: old, contacts: [ana], ignore_reentry: true}` or a list of such (all but the flow may be
left out), `enroll` of the same form, `pause: {flow: hi, reason: wrong}`, `resume: {flow: hi}`, `remove: {flow: hi,
contacts: [ana], reason: asked}`, and `import: [{rows: {ana: {score: 1}}, trigger_flows: false, list: fair, refused:
[some words]}]`, `restore: {contacts: [ana]}` and `suppress: {channel: email, addresses: [a@b.example]}`; `between` is
what changes after that. What contacts say:
`consent: [{contact_id: ana, state: opted_out, topic: news}]` (or a channel, a category).

What must come of a tick, each as short texts:

    crossings: [ana enters londoners data triggers 1]   all of the tick; left out: there are none; `any`: not looked at
    messages:  [ana hi.hello]                           all that the tick planned; left out: there are none
    sizes:     {londoners: 2}                           of these segments
    named:     {londoners: 3}                           how many entries and exits of all ticks show this name
    flows_at:  {hi: {ana: hello, bob: ended completed}} where each enrolled contact stands, or why the last one ended
    journal:   [ana hi.hello send_sms, ana hi dropped filter]   all of the tick
    updates:   [ana list news add]                      all of the tick
    deliveries: [ana hi.hello sms sent]                 all of the tick, which sends then; `: REASON` behind it if any
    texts:     ["ana hi.hello Hello"]                   what was sent: the text of each message but emails
    tasks:     [ana hi.call ben 2026-03-05 Call Ana]    all of the tick: assignee, day and title
    suppressed: {email: {a@b.example: deleted}}         after the tick: address -> reason; null: it is not
    warnings:  [pool is low]                            what the tick warns of
    details:   [ana hi.code coupon SPRING-1]            the journal of the tick with its details, where it has any
    conversions: [ana hi, eve hi withheld late]         all of the tick; late: its time was over
    faults:    {segments: [old], held: [new], flows: [hi]}   stale segments, held segments, held flows
    resting:   [slow]                                   the segments that were not due; left out: there are none
    unchanged: true                                     only ticks, sizes and exports have another row than before
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from segflow.outbox.consent_changes import ConsentChange
from segflow.specs.types import parse_instant
from segflow.stages.tick_report import TickReport
from tests.world import COLUMNS, World

FOLDER = Path(__file__).parent
EVERY_TICK = ("ticks", "segment_sizes", "flow_cursors", "segment_exports")
"""The tables that have new rows after each tick."""
WORLD = ("contacts", "events", "lists", "tags", "segments", "flows", "missing_columns")
BY_HAND = ("pause", "resume", "remove", "restore", "suppress")
EXPECTED = ("crossings", "messages", "sizes", "named", "flows_at", "journal", "updates", "faults", "unchanged",
            "deliveries", "texts", "tasks", "details", "warnings", "conversions", "suppressed", "resting")  # fmt: skip


def scenarios() -> dict[str, dict[str, Any]]:
    """All scenarios as `file/name` -> content."""
    found = {}
    for path in sorted(FOLDER.glob("*.yml")):
        for name, content in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            found[f"{path.stem}/{name}"] = content
    return found


class Scenario:
    """One scenario at work."""

    def __init__(
        self, content: dict[str, Any], root: Path, *, real: bool = False, world: Callable[..., World] = World
    ) -> None:
        """`world` makes the world."""
        unknown = set(content) - {*WORLD, "ticks", "settings", "coupons", "contacts_spec", "catalog_spec"}
        assert not unknown, f"the scenario has unknown keys {unknown}"
        self.content = content
        self.world = world(
            root,
            real=real,
            settings=content.get("settings"),
            contacts=content.get("contacts_spec"),
            catalog=content.get("catalog_spec"),
        )
        self.data: dict[str, Any] = {"contacts": {}, "events": [], "lists": [], "tags": []}
        self._change(content)

    def run(self) -> None:
        """Run all ticks; an assertion says what differs at which tick."""
        for number, tick in enumerate(self.content["ticks"], start=1):
            said = {
                "at",
                "release",
                "retrigger",
                "enroll",
                "coupons",
                "between",
                "leave_list",
                "import",
                "consent",
                *BY_HAND,
            }
            unknown = set(tick) - {*WORLD, *EXPECTED, *said}
            assert not unknown, f"tick {number} has unknown keys {unknown}"
            if number > 1:
                self._change(tick)
            if "release" in tick:
                self.world.project.release(**tick["release"], reason="it is right")
            asked = tick.get("retrigger", [])
            for one in asked if isinstance(asked, list) else [asked]:
                self.world.project.retrigger(**one)
            asked = tick.get("enroll", [])
            for one in asked if isinstance(asked, list) else [asked]:
                self.world.project.enroll(**one)
            pools = {**(self.content.get("coupons", {}) if number == 1 else {}), **tick.get("coupons", {})}
            for pool, codes in pools.items():
                self.world.project.add_coupons(pool, codes)
            for what in BY_HAND:
                if what in tick:
                    getattr(self.world.project, what)(**tick[what])
            for told in tick.get("consent", []):
                change = ConsentChange(**{"source": "page", "at": _instant(tick["at"]), **told})
                self.world.project.store.consent_changes.record([change])
            for told in tick.get("import", []):
                self._import(**told)
            if "between" in tick:
                self._change(tick["between"])
            before = self.world.ledgers() if "unchanged" in tick else {}
            report = self.tick(_instant(tick["at"]), send="deliveries" in tick or "texts" in tick)
            self._check(f"tick {number} at {tick['at']}", tick, report, before)
            # A tick writes its ledger files once and no later one touches them: the last check sees those of all.
            self.world.check_replay(files=number == len(self.content["ticks"]))

    def tick(self, at: datetime, *, send: bool = False) -> TickReport:
        """Run one tick."""
        return self.world.tick(at, send=send)

    def _change(self, told: dict[str, Any]) -> None:
        self.world.missing = set(told.get("missing_columns", []))
        for name, values in told.get("contacts", {}).items():
            if values is None:
                self.data["contacts"].pop(name)
            else:
                self.data["contacts"][name] = {**self.data["contacts"].get(name, {"contact_id": name}), **values}
        for event in told.get("events", []):
            known = {key: event[key] for key in ("contact_id", "at", "name", "id") if key in event}
            rest = {key: value for key, value in event.items() if key not in known}
            self.data["events"].append({**known, "properties": json.dumps(rest)})
        for name, contacts in told.get("leave_list", {}).items():
            self.data["lists"] = [r for r in self.data["lists"] if r["name"] != name or r["contact_id"] not in contacts]
        for table in ("lists", "tags"):
            self.data[table] += told.get(table, [])
        rows = {**self.data, "contacts": list(self.data["contacts"].values())}
        for table in COLUMNS:
            self.world.rows_of(table, [{key: _time(value) for key, value in row.items()} for row in rows[table]])
        for name, spec in told.get("segments", {}).items():
            self.world.segment(name, spec)
        for name, spec in told.get("flows", {}).items():
            self.world.flow(name, spec)

    def _import(
        self, rows: dict[str, Any], trigger_flows: bool, list: str | None = None, refused: Sequence[str] = ()
    ) -> None:
        given = [{"contact_id": name, **values} for name, values in rows.items()]
        table = pa.table({name: [row.get(name) for row in given] for row in given for name in row})
        done = self.world.project.import_contacts(table, trigger_flows=trigger_flows, list_name=list)
        told = [one.why for one in done.refused]
        assert len(told) == len(refused), told
        for why, words in zip(told, refused, strict=True):
            assert words in why, told

    def _check(self, where: str, tick: dict[str, Any], report: TickReport, before: dict[str, Any]) -> None:
        this = f"tick_id = '{report.tick_id}'"
        if tick.get("crossings") != "any":
            assert self._crossings(this) == sorted(tick.get("crossings", [])), f"crossings of {where}"
        if tick.get("messages") != "any":
            planned = self._messages(this)
            assert planned == sorted(tick.get("messages", [])), f"messages of {where}: {planned}"
        if "sizes" in tick:
            sizes = {one.segment: one.members for one in report.segments}
            assert {name: sizes.get(name) for name in tick["sizes"]} == tick["sizes"], f"sizes of {where}"
        for name, count in tick.get("named", {}).items():
            shown = "SELECT segment FROM segflow.segment_entries UNION ALL SELECT segment FROM segflow.segment_exits"
            rows = self.world.rows(f"SELECT * FROM ({shown}) WHERE segment = '{name}'")
            assert len(rows) == count, f"rows that show {name} after {where}"
        if "flows_at" in tick:
            places = self._places(set(tick["flows_at"]))
            assert places == tick["flows_at"], f"enrollments after {where}: {places}"
        if tick.get("journal", "any") != "any":
            taken = self._journal(this)
            assert taken == sorted(tick["journal"]), f"journal of {where}: {taken}"
        if "updates" in tick:
            assert self._updates(this) == sorted(tick["updates"]), f"updates of {where}"
        for name, found in (
            ("deliveries", self._deliveries), ("texts", self._texts), ("tasks", self._tasks), ("details", self._details)
        ):  # fmt: skip
            if name in tick:
                expected = sorted(tick[name])
                got = found(this)
                assert got == expected, f"{name} of {where}: {got}"
        for channel, reasons in tick.get("suppressed", {}).items():
            known = self.world.project.store.suppressed(channel, [*reasons])
            assert {one: known.get(one) for one in reasons} == reasons, f"suppressed after {where}"
        if "warnings" in tick:
            assert report.warnings == tick["warnings"], f"warnings of {where}"
        if "conversions" in tick:
            assert self._conversions(this) == sorted(tick["conversions"]), f"conversions of {where}"
        faults = {
            "segments": sorted(one.segment for one in report.segments if one.status == "stale"),
            "held": sorted(one.segment for one in report.segments if one.status == "held"),
            "flows": sorted(one.flow for one in report.flows if one.status == "held"),
        }
        assert faults == {"segments": [], "held": [], "flows": [], **tick.get("faults", {})}, (
            f"faults of {where}: {report.errors}"
        )
        resting = sorted(one.segment for one in report.segments if one.status == "resting")
        assert resting == sorted(tick.get("resting", [])), f"resting in {where}"
        if "unchanged" in tick:
            after = self.world.ledgers()
            changed = [table for table in after if table not in EVERY_TICK]
            assert [table for table in changed if after[table] != before[table]] == [], f"changed by {where}"

    def _crossings(self, this: str) -> list[str]:
        rows = self.world.rows(
            "SELECT * FROM (SELECT 'enters' AS kind, * EXCLUDE (entered_at) FROM segflow.segment_entries "
            "UNION ALL BY NAME "
            f"SELECT 'exits' AS kind, * EXCLUDE (entered_at, exited_at) FROM segflow.segment_exits) WHERE {this}"
        )
        return sorted(
            f"{row['contact_id']} {row['kind']} {row['segment']} {row['cause']} "
            f"{'triggers ' if row['triggers'] else ''}{row['entry_number']}"
            for row in rows
        )

    def _messages(self, this: str) -> list[str]:
        rows = self.world.rows(f"SELECT * FROM segflow.outbox WHERE {this}")
        return sorted(f"{row['contact_id']} {row['flow']}.{row['step']}" for row in rows)

    def _places(self, wanted: set[str]) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {flow: {} for flow in wanted}
        for row in self.world.rows("SELECT * FROM segflow.flow_enrollments ORDER BY enrolled_at, tick_id"):
            place = row["step"] if row["status"] == "active" else f"ended {row['end_reason']}"
            found.setdefault(row["flow"], {})[row["contact_id"]] = place
        return {flow: places for flow, places in found.items() if flow in wanted}

    def _journal(self, this: str) -> list[str]:
        rows = self.world.rows(f"SELECT * FROM segflow.flow_journal WHERE {this}")
        return sorted(
            f"{row['contact_id']} {row['flow']}"
            + (f".{row['step']} {row['action']}" if row["step"] else f" {row['action']} {row['detail'].split()[0]}")
            + (f" {row['detail']}" if row["action"] in ("branch", "switch", "split") else "")
            for row in rows
        )

    def _conversions(self, this: str) -> list[str]:
        rows = self.world.rows(f"SELECT * FROM segflow.flow_conversions WHERE {this}")
        return sorted(
            f"{row['contact_id']} {row['flow']}{' withheld' * row['withheld']}{' late' * (not row['in_time'])}"
            for row in rows
        )

    def _updates(self, this: str) -> list[str]:
        rows = self.world.rows(f"SELECT * FROM segflow.contact_updates WHERE {this}")
        return sorted(f"{row['contact_id']} {row['kind']} {row['name']} {row['value']}" for row in rows)

    def _deliveries(self, this: str) -> list[str]:
        rows = self.world.rows(f"SELECT * FROM segflow.deliveries WHERE {this}")
        return sorted(
            f"{row['contact_id']} {row['flow']}.{row['step']} {row['channel']} {row['outcome']}"
            + (f": {row['reason']}" if row["reason"] else "")
            for row in rows
        )

    def _texts(self, this: str) -> list[str]:
        rows = self.world.rows(f"SELECT * FROM segflow.deliveries WHERE {this} AND provider_id LIKE '%.json'")
        files = {path.name: path for path in self.world.root.glob(".segflow/mailbox/**/*.json")}
        told = [(row, json.loads(files[row["provider_id"]].read_text(encoding="utf-8"))) for row in rows]
        return sorted(f"{row['contact_id']} {row['flow']}.{row['step']} {one.get('text', '')}" for row, one in told)

    def _tasks(self, this: str) -> list[str]:
        rows = self.world.rows(f"SELECT * FROM segflow.tasks WHERE {this}")
        return sorted(
            f"{row['contact_id']} {row['flow']}.{row['step']} {row['assignee'] or 'nobody'} "
            f"{row['due_at']:%Y-%m-%d} {row['title']}"
            for row in rows
        )

    def _details(self, this: str) -> list[str]:
        rows = self.world.rows(
            f"SELECT * FROM segflow.flow_journal WHERE {this} AND detail IS NOT NULL AND step IS NOT NULL"
        )
        return sorted(f"{r['contact_id']} {r['flow']}.{r['step']} {r['action']} {r['detail']}" for r in rows)


def _instant(value: Any) -> datetime:
    found = _time(value)
    assert isinstance(found, datetime), value
    return found if found.tzinfo else parse_instant(found.isoformat())


def _time(value: Any) -> Any:
    """YAML reads `2026-03-01` as a date; every time here is an instant."""
    return datetime.combine(value, time()) if isinstance(value, date) and not isinstance(value, datetime) else value
