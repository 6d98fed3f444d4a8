# ruff: noqa: E501 (tables: one case per line)
"""What `segflow lint` says about flows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from segflow.lint.findings import Report
from segflow.lint.flows import flows
from segflow.specs.cron import cron_times
from segflow.workspace import Workspace
from segflow.zones import zone_of
from tests.specs.helpers import project

NOW = datetime(2026, 3, 15, 12, 30, tzinfo=UTC)
SEGMENT = "where: {attribute: city, is: London}\n"
NINE = "{every_day_at: '09:00', segment: tea}"
# cadence, trigger, what else the flow says, what is told
CASES = {
    "midnight for nine": ("0 0 * * *", NINE, "", "ticks-too-seldom: every day at 09:00, tea: the next tick can be 15 hours later, with cadence: 0 0 * * *; set cadence: \"0 9 * * *\" in segflow.yml, or one with more ticks"),
    "nine for nine": ("0 9 * * *", NINE, "", None),
    "each hour": ("15 * * * *", NINE, "", None),
    "on workdays only": ("0 9 * * 1-5", NINE, "", "ticks-too-seldom: every day at 09:00, tea: the next tick can be 2 days later"),
    "on workdays, both": ("0 9 * * 1-5", "{every_day_at: '09:00', segment: tea, on: mon-fri}", "", None),
    "elsewhere": ("0 9 * * *", "{every_day_at: '09:00', segment: tea, timezone: Asia/Tokyo}", "", 'ticks-too-seldom: every day at 09:00, tea: the next tick can be 9 hours later, with cadence: 0 9 * * *; set cadence: "0 * * * *"'),
    "the zones of contacts": ("0 */6 * * *", "{every_day_at: '09:00', segment: tea, timezone: contact}", "", "ticks-too-seldom: every day at 09:00, tea: the next tick can be 6 hours later"),
    "the zones of contacts, each hour": ("0 * * * *", "{every_day_at: '09:00', segment: tea, timezone: contact}", "", None),
    "a date at midnight": ("0 0 * * *", "{date: born}", "", None),
    "a date in the morning": ("0 0 * * *", "{date: born, at: '08:00'}", "", "ticks-too-seldom: date born at 08:00: the next tick can be 16 hours later"),
    "a moment": ("0 0 * * *", "{broadcast: {segment: tea, at: 2026-03-20T09:00}}", "", "ticks-too-seldom: broadcast at 2026-03-20T09:00, tea: the next tick can be 15 hours later"),
    "a moment that is over": ("0 0 * * *", "{broadcast: {segment: tea, at: 2026-03-10T09:00}}", "", "moment-is-over: its moment, 2026-03-10 09:00, is over: if no tick has begun it, none will; give a later at:, or remove the flow"),
    "yearly, once": ("0 0 * * *", "{date: born, repeat: yearly}", "", "once-ever: it comes every year, and reentry: never lets each contact in once; give reentry: always"),
    "yearly, always": ("0 0 * * *", "{date: born, repeat: yearly}", "reentry: always\n", None),
    "ignored": ("0 0 * * *", NINE, "lint: {ignore: [ticks-too-seldom]}\n", None),
    "one of several": ("0 0 * * *", "{any: [{enters: tea}, {date: born, at: '08:00'}]}", "", "ticks-too-seldom: date born at 08:00"),
    "crossings": ("0 0 1 1 *", "{enters: tea}", "", None),
}  # fmt: skip


@pytest.mark.parametrize(("cadence", "trigger", "more", "told"), CASES.values(), ids=CASES)
def test_flows(tmp_path: Path, cadence: str, trigger: str, more: str, told: str | None) -> None:
    flow = f"status: active\ntrigger: {trigger}\n{more}steps: [{{id: a, wait: 1 day}}]\n"
    root = project(tmp_path, flows__x=flow, settings=f"cadence: '{cadence}'\n", segments__tea=SEGMENT)
    workspace = Workspace(root)
    report = Report(workspace.specs)
    flows(report, workspace.compiled, NOW)
    found = [str(one).split(": ", 1)[1] for one in report.findings]
    assert len(found) == (0 if told is None else 1)
    assert all(one.flow == "x" and one.line == 2 for one in report.findings)
    assert told is None or found[0].startswith(told)


def test_when_a_schedule_comes() -> None:
    berlin = zone_of("Europe/Berlin")
    found = list(cron_times("30 2 13 * fri", berlin, datetime(2026, 3, 1, tzinfo=UTC), 30))
    days = [6, 13, 20, 27]
    assert [at.day for at in found] == days
    assert {at.hour for at in found} == {1}
    # In the night of 29 March, 02:30 is not there.
    (gap,) = cron_times("30 2 * * sun", berlin, datetime(2026, 3, 28, tzinfo=UTC), 3)
    assert gap == datetime(2026, 3, 29, 1, tzinfo=UTC)
