"""Whatever happens to a project between its ticks, and in the middle of them, its ledgers stay true.

Hypothesis mixes data changes, ticks, kills, lost and restored files, broken sources, edits and releases. After every
tick that ends, the invariants below must hold. `SEGFLOW_SURVIVAL_EXAMPLES=500 pytest tests/test_properties_survival.py`
looks for longer.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from segflow.crashpoints import watched
from segflow.durations import Duration
from segflow.errors import ContactsLostError, DuplicateContactsError, InputError, RunError
from segflow.stages.tick_report import TickReport
from tests.senders.servers import Handler, http_server, reset, status
from tests.world import World

# Later than any clock: what is sent live is never too late, whenever the test runs.
FIRST = datetime(2099, 1, 28, tzinfo=UTC)
EXAMPLES = int(os.environ.get("SEGFLOW_SURVIVAL_EXAMPLES", "7"))
SHRINK = "SEGFLOW_SURVIVAL_SHRINK" in os.environ
"""Finding a smaller story for a failure takes minutes; the story itself is printed in any case."""
CONTACTS = [f"c{number:02}" for number in range(10)]
CITIES = ["London", "Paris", "Rome"]
GUARDS = {
    "exits": {"percent": 60, "of_at_least": 4},
    "entries": {"times": 3, "above": 4},
    "contacts_lost": {"percent": 40, "of_at_least": 4},
    "messages": {"percent": 60, "above": 5},
}
FINAL = {"sent", "skipped", "failed", "dropped"}
WAITING = {"planned", "held", "unknown"}

contact = st.sampled_from(CONTACTS)
age = st.integers(min_value=15, max_value=60)


class Killed(BaseException):
    """Stands for SIGKILL: nothing in segflow catches it. (`tests/crash` uses the real one.)"""


class Survival(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.calls = 0
        self.accepted: Counter[str] = Counter()
        self.server = self.stack.enter_context(http_server(self._answer))
        self.people = {name: {"age": 20 + number, "city": CITIES[number % 3]} for number, name in enumerate(CONTACTS)}
        self.away: set[str] = set()
        self.events: list[dict[str, Any]] = []
        self.broken: str | None = None
        self.day = 0
        self.young = 30
        self.ended = False
        self.copies: list[tuple[Path, str | None]] = []
        self.commits = 0

    @initialize()
    def begin(self) -> None:
        delivery = {"mode": "live"}
        senders = {"crm": {"type": "webhook", "allow_private": True}}
        world = World(
            self.folder / "world",
            settings={
                "guards": GUARDS,
                "delivery": delivery,
                "senders": senders,
                "default_senders": {"webhook": "crm"},
            },
        )
        world.close()
        self._reopen(world.root)
        self.world.segment("london", {"where": {"attribute": "city", "is": "London"}})
        self.world.segment("recent", {"where": {"event": "purchase", "within_last": "2 days"}})
        self.world.segment("lonely", {"where": {"all": [{"segment": "london"}, {"not": {"segment": "recent"}}]}})
        self._edit_young()
        self._edit_flow("1 day")
        self._load()

    def teardown(self) -> None:
        self.stack.close()

    # What happens in the world.

    @rule(name=contact, years=age, city=st.sampled_from(CITIES))
    def moves(self, name: str, years: int, city: str) -> None:
        self.people[name] = {"age": years, "city": city}

    @rule(city=st.sampled_from(CITIES), names=st.sets(contact, min_size=4))
    def move_together(self, city: str, names: set[str]) -> None:
        for name in names:
            self.people[name]["city"] = city

    @rule(name=contact)
    def goes_or_returns(self, name: str) -> None:
        self.away ^= {name}

    @rule(name=contact)
    def buys(self, name: str) -> None:
        at = FIRST + timedelta(days=self.day, hours=-3)
        self.events.append({"contact_id": name, "name": "purchase", "at": at, "properties": "{}"})

    @rule(how=st.sampled_from(["duplicated", "empty", "no age", "halved"]))
    def source_breaks(self, how: str) -> None:
        self.broken = how

    @rule()
    def source_is_mended(self) -> None:
        self.broken = None

    # What people do.

    @rule(under=st.sampled_from([20, 25, 40]))
    def edit_a_segment(self, under: int) -> None:
        self.young = under
        self._edit_young()

    @rule(wait=st.sampled_from(["1 day", "2 days", "1 hour"]))
    def edit_the_flow(self, wait: str) -> None:
        self._edit_flow(wait)

    @rule()
    def release_what_is_held(self) -> None:
        held = (
            self.world.rows("SELECT segment, reason FROM segflow.segment_state WHERE status = 'held'")
            if (self.commits)
            else []
        )
        for row in held:
            try:
                self.world.project.release([row["segment"]])
            except InputError:
                assert not row["reason"].endswith(f"segflow release {row['segment']}")

    @precondition(lambda self: self.commits)
    @rule()
    def compact(self) -> None:
        self.world.project.compact(Duration.parse("1 day"))

    # Ticks, and what becomes of them.

    @rule(days=st.integers(1, 2))
    def tick(self, days: int) -> None:
        self.day += days
        self._tick()

    @rule(point=st.integers(1, 90))
    def tick_is_killed(self, point: int) -> None:
        self.day += 1
        left = [point]

        def reached(name: str) -> None:
            left[0] -= 1
            if left[0] == 0:
                raise Killed(name)

        self._load()
        try:
            with watched(reached):
                self.world.tick(self._now(), send=True)
        except (Killed, ContactsLostError, DuplicateContactsError):
            self.ended = False
        else:
            self.ended = True
        self.commits += 1
        self._reopen()

    @precondition(lambda self: self._record())
    @rule()
    def copy_the_warehouse(self) -> None:
        copy = self.folder / f"copy{len(self.copies)}.duckdb"
        shutil.copyfile(self._warehouse, copy)
        self.copies.append((copy, self._record()))

    @precondition(lambda self: self.copies)
    @rule(which=st.integers(0, 5))
    def restore_a_copy(self, which: int) -> None:
        copy, place = self.copies[which % len(self.copies)]
        older = place != self._record()
        shutil.copyfile(copy, self._warehouse)
        self._warehouse.with_name("warehouse.duckdb.wal").unlink(missing_ok=True)
        if older:
            self._rebuild()

    @precondition(lambda self: self._record())
    @rule(part=st.sampled_from([None, 0.0, 0.3, 0.9]))
    def lose_the_warehouse(self, part: float | None) -> None:
        if part is None:
            self._warehouse.unlink()
        else:
            content = self._warehouse.read_bytes()
            self._warehouse.write_bytes(content[: int(len(content) * part)])
        self._rebuild()

    # What must be true whenever a tick has ended.

    @invariant()
    def the_ledgers_are_true(self) -> None:
        if not self.ended:
            return
        self.world.check_replay()
        wrong = self.world.rows(NOT_ENTRIES_LESS_EXITS)
        assert wrong == []
        assert self.world.rows(NOT_ALTERNATING) == []
        assert self.world.rows(_MOVED_WITHOUT_LEAVE) == []
        assert self.world.rows(_STANDING_NOWHERE) == []

    @invariant()
    def nobody_gets_a_message_twice(self) -> None:
        assert not {key: times for key, times in self.accepted.items() if times > 1}
        if not self.ended:
            return
        planned = {row["message_id"]: row["sender"] for row in self.world.rows("SELECT * FROM segflow.outbox")}
        assert set(self.accepted) <= {key for key, sender in planned.items() if sender == "crm"}
        known: dict[str, str] = {}
        for state in [*FINAL, *WAITING, "claimed"]:
            known |= {row["message_id"]: state for row in self.world.project.store.listing(state, 10_000)}  # type: ignore[arg-type]
        assert set(known) == set(planned)
        assert "claimed" not in known.values()
        told = {row["message_id"] for row in self.world.rows("SELECT message_id FROM segflow.deliveries")}
        assert {key for key, state in known.items() if state in FINAL | {"unknown"}} <= told
        sent = {key for key, state in known.items() if state == "sent" and planned[key] == "crm"}
        assert sent <= set(self.accepted), "recorded as sent and never accepted"
        files = {Path(name).stem for name in self.world.mailbox()}
        assert {key for key, state in known.items() if state == "sent" and planned[key] == "mailbox"} <= files

    # How it is done.

    @property
    def _warehouse(self) -> Path:
        return self.world.root / ".segflow/warehouse.duckdb"

    def _now(self) -> datetime:
        return FIRST + timedelta(days=self.day)

    def _record(self) -> str | None:
        """What was committed last."""
        return self.world.project.store.mark("last_committed")

    def _answer(self, handler: Handler) -> None:
        self.calls += 1
        key = self.server.calls[-1].headers["idempotency-key"]
        if self.calls % 9 == 4:
            status(400)(handler)
            return
        self.accepted[key] += 1
        # Taken, and the line goes dead before the answer: nobody here may decide that it did not arrive.
        (reset if self.calls % 7 == 3 else status(200))(handler)

    def _rows(self) -> list[dict[str, Any]]:
        rows = [
            {"contact_id": name, **values, "phone": f"+4420794601{name[1:]}"} for name, values in self.people.items()
        ]
        rows = [row for row in rows if row["contact_id"] not in self.away]
        match self.broken:
            case "duplicated":
                return [*rows, *rows[:1]]
            case "empty":
                return []
            case "halved":
                return rows[::2]
        return rows

    def _load(self) -> None:
        self.world.missing = {"contacts.age"} if self.broken == "no age" else set()
        self.world.rows_of("contacts", self._rows())
        self.world.rows_of("events", self.events)
        for table in ("lists", "tags"):
            self.world.rows_of(table, [])

    def _tick(self) -> None:
        self._load()
        fresh = self.ended or not self.commits
        self.ended = False
        self.commits += 1
        try:
            report = self.world.tick(self._now(), send=True)
        except DuplicateContactsError:
            # A tick that died after its build does not look at the source again.
            assert self.broken == "duplicated"
            return
        except ContactsLostError:
            self.world.project.release(contacts=True)
            self.world.project.tick(self._now(), send=True)
            self.ended = True
            return
        self.ended = True
        if fresh:
            self._compare(report)

    def _compare(self, report: TickReport) -> None:
        """The segments that the tick could judge have the members that their words say."""
        rows = {row["contact_id"]: row for row in self._rows()}
        london = {name for name, row in rows.items() if row["city"] == "London"}
        since = self._now() - timedelta(days=2)
        recent = {e["contact_id"] for e in self.events if since < e["at"] <= self._now()} & set(rows)
        young = {name for name, row in rows.items() if row["age"] < self.young}
        wanted = {"london": london, "recent": recent, "lonely": london - recent, "young": young}
        status_of = {one.segment: one.status for one in report.segments}
        assert (status_of["young"] == "stale") == (self.broken == "no age")
        for segment, members in wanted.items():
            if status_of[segment] == "ok":
                found = self.world.rows(f"SELECT contact_id FROM segflow.segment_members WHERE segment = '{segment}'")
                assert {row["contact_id"] for row in found} == members, segment
        if set(status_of.values()) != {"ok"}:
            assert report.errors

    def _rebuild(self) -> None:
        """The warehouse is behind or broken: ticks are refused in words until it is rebuilt."""
        self._reopen()
        with pytest.raises((RunError, InputError), match="segflow rebuild"):
            self.world.tick(self._now() + timedelta(days=1), send=True)
        self.world.project.rebuild()
        self._load()

    def _reopen(self, root: Path | None = None) -> None:
        self.world = World.at(root or self.world.root)
        # A lease that a killed tick left is free because its process is dead. Here the process lives on.
        self.world.project.holder = "survivor"

    def _edit_young(self) -> None:
        self.world.segment("young", {"where": {"attribute": "age", "lt": self.young}, "on_change": "trigger"})

    def _edit_flow(self, wait: str) -> None:
        steps: list[dict[str, Any]] = [
            {"id": "hello", "send_sms": {"text": "Hello"}},
            {"id": "think", "wait": wait},
            {"id": "call", "webhook": {"url": f"{self.server.url}/call"}},
        ]
        trigger = {"any": [{"enters": "london"}, {"enters": "young"}]}
        flow = {"status": "active", "reentry": "always", "trigger": trigger, "steps": steps}
        self.world.flow("hi", {**flow, "exit_when": [{"segment": "recent"}]})


NOT_ENTRIES_LESS_EXITS = """
    select segment, contact_id from segflow.segment_members
    except all
    select entries.segment, entries.contact_id
    from segflow.segment_entries as entries
    anti join segflow.segment_exits as exits using (segment_key, contact_id, entry_number)
    union all
    (
        select entries.segment, entries.contact_id
        from segflow.segment_entries as entries
        anti join segflow.segment_exits as exits using (segment_key, contact_id, entry_number)
        except all
        select segment, contact_id from segflow.segment_members
    )
"""
NOT_ALTERNATING = """
    with crossings as (
        select segment_key, contact_id, entered_at as crossed_at, entry_number, 'entry' as kind
        from segflow.segment_entries
        union all
        select segment_key, contact_id, exited_at, entry_number, 'exit' from segflow.segment_exits
    ),
    numbered as (
        select
            *,
            row_number() over (partition by segment_key, contact_id order by crossed_at, entry_number, kind) as turn
        from crossings
    )
    select * from numbered
    where kind <> case when turn % 2 = 1 then 'entry' else 'exit' end or entry_number <> (turn + 1) // 2
"""
_MOVED_WITHOUT_LEAVE = """
    select crossings.*
    from (
        select segment_key, tick_id, 'entry' as cause from segflow.segment_entries
        union all
        select segment_key, tick_id, cause from segflow.segment_exits
    ) as crossings
    join segflow.segment_sizes as sizes using (segment_key, tick_id)
    where sizes.status in ('stale', 'held') and crossings.cause <> 'gone'
"""
_STANDING_NOWHERE = """
    select enrollment_id from segflow.flow_positions
    except
    select enrollment_id from segflow.flow_enrollment_starts
    where enrollment_id not in (select enrollment_id from segflow.flow_enrollment_ends)
"""


def test_survival() -> None:
    run_state_machine_as_test(
        Survival,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=16,
            deadline=None,
            # Not `explain`: it traces every line, which takes many times as long.
            phases=[Phase.explicit, Phase.generate, *([Phase.shrink] if SHRINK else [])],
            derandomize="SEGFLOW_SURVIVAL_EXAMPLES" not in os.environ,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
