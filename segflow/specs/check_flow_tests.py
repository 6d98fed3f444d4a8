"""The tests of flows against the catalog and the flow: a word that nothing reads makes a test that says nothing."""

from __future__ import annotations

from collections.abc import Sequence

from segflow.specs.catalog import Catalog
from segflow.specs.check_tests import RowChecks
from segflow.specs.check_values import instant
from segflow.specs.flow import NamedFlow
from segflow.specs.flow_tests import FlowTest, FlowTick
from segflow.specs.loaded import Loaded, Reporter
from segflow.specs.segment_tests import Row, SegmentTest

OUTSIDE, ENDED = "outside", "ended "


def check_flow_tests(loaded: Loaded, catalog: Catalog, flow: NamedFlow) -> None:
    """Check the tests of one flow."""
    say = Reporter(loaded, flow.file)
    names: set[str] = set()
    for index, test in enumerate(flow.spec.tests):
        if test.name in names:
            say(("tests", index, "name"), f"there are two tests called {test.name}")
        names.add(test.name)
        _ticks(say, catalog, flow, test, ("tests", index))


def _ticks(say: Reporter, catalog: Catalog, flow: NamedFlow, test: FlowTest, loc: tuple[str | int, ...]) -> None:
    contacts: list[str] = []
    objects: dict[str, list[Row]] = {}
    before = None
    steps = {step.id: step for step in flow.spec.walk()}
    for number, tick in enumerate(test.ticks):
        at = (*loc, "ticks", number)
        moment = instant(tick.at)
        if before is not None and moment is not None and moment <= before:
            say((*at, "at"), f"the tick at {tick.at} does not come after the one before")
        before = moment or before
        for name, rows in tick.objects.items():
            objects[name] = [*objects.get(name, []), *rows]
        given = SegmentTest(name=test.name, as_of=tick.at, contacts=tick.contacts, objects=objects, members=[])
        rows_of = RowChecks(say, catalog, given, at, "", {})
        rows_of.time(tick.at, "at")
        for name in rows_of.contacts():
            contacts += [name] if name not in contacts else []
        rows_of.rows(contacts, tick.events, tick.objects, tick.lists, tick.tags)
        for index, gone in enumerate(tick.gone):
            rows_of.known_contact(gone, contacts, ("gone", index))
        for index, row in enumerate(tick.reported):
            rows_of.known_contact(row.contact_id, contacts, ("reported", index, "contact_id"))
            if row.at is not None:
                rows_of.time(row.at, "reported", index, "at")
            if row.step not in steps or steps[row.step].sends is None:
                sending = [name for name, step in steps.items() if step.sends is not None]
                say.unknown((*at, "reported", index, "step"), "step that sends called", row.step, sending)
        for segment, members in tick.segments.items():
            if segment not in say.loaded.segment_ids:
                say((*at, "segments", segment), say.loaded.no_segment(segment), key=True)
            for index, member in enumerate(members):
                rows_of.known_contact(member, contacts, ("segments", segment, index))
        _expected(say, rows_of, tick, contacts, list(steps))


def _expected(say: Reporter, rows_of: RowChecks, tick: FlowTick, contacts: list[str], steps: Sequence[str]) -> None:
    at = (*rows_of.loc, "expect")
    for key, told in (
        ("messages", tick.expect.messages),
        ("journal", tick.expect.journal or {}),
        ("at", tick.expect.at),
    ):
        for contact, what in told.items():
            if contact not in contacts:
                say.unknown((*at, key, contact), "contact", contact, contacts, "each contact has a row under contacts")
            if key == "journal":
                continue
            several = isinstance(what, list)
            for index, step in enumerate(what if isinstance(what, list) else [what]):
                place = (*at, key, contact, index) if several else (*at, key, contact)
                if key == "at" and (step == OUTSIDE or step.startswith(ENDED)):
                    continue
                if step not in steps:
                    say.unknown(place, "step called", str(step), steps)
