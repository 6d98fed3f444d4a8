# ruff: noqa: E501 (tables: one case per line)
"""Tests that flows carry: what passes, what a failure says, what validate refuses, in pytest."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from segflow.cli.main import main
from segflow.flows.prepare import fingerprint
from segflow.specs.flow import FlowSpec
from segflow.specs.spec_file import parse_spec_file
from segflow.testing import flow_tests
from tests.specs.helpers import messages, project

FLOW = """\
status: draft
trigger: {enters: tea}
where: {attribute: city, is: London}
steps:
  - {id: hello, send_sms: {text: "Hello {{ contact.city }}"}}
  - {id: think, wait: 2 days}
  - id: read
    branch:
      if: {message: clicked, step: hello, url: {contains: /tea}}
      then: [{id: level, update_contact: {level: gold}}]
      else: [{id: again, send_email: {subject: Hi, text: Hi}}]
tests:
"""
ANA = '{contact_id: ana, city: London, phone: "+442079460018", email: a@example.org, subscribed: true}'
BOB = "{contact_id: bob, city: Rome}"
PASSING = f"""\
  - name: by the rule of the segment
    ticks:
      - {{at: 2026-03-01, contacts: [{ANA}, {BOB}]}}
      - at: 2026-03-02
        events: [{{contact_id: ana, event: purchase, at: "2026-03-01T10:00:00Z", category: tea}}, {{contact_id: bob, event: purchase, at: "2026-03-01T10:00:00Z", category: tea}}]
        expect: {{messages: {{ana: hello}}, journal: {{ana: [hello send_sms], bob: [dropped filter]}}, at: {{ana: think, bob: outside}}}}
      - at: 2026-03-04
        reported: [{{contact_id: ana, step: hello, message: clicked, url: "https://x.example/tea"}}]
        expect: {{journal: {{ana: [think wait, read branch then, level update_contact]}}, at: {{ana: ended completed}}}}
  - name: with members given
    ticks:
      - {{at: 2026-03-01, contacts: [{ANA}], segments: {{tea: []}}}}
      - {{at: 2026-03-02, segments: {{tea: [ana]}}, expect: {{messages: {{ana: [hello]}}}}}}
      - {{at: 2026-03-03, gone: [ana], expect: {{at: {{ana: ended gone}}}}}}
"""
FAILING = f"""\
  - name: all of it wrong
    ticks:
      - {{at: 2026-03-01, contacts: [{ANA}, {BOB}, {{contact_id: eve, city: London}}], segments: {{tea: []}}}}
      - at: 2026-03-02
        segments: {{tea: [ana, eve]}}
        reported: [{{contact_id: bob, step: again, message: opened}}]
        expect: {{messages: {{bob: hello, eve: hello}}, journal: {{ana: [hello skipped]}}, at: {{ana: read}}}}
"""


def test_what_passes_and_what_a_failure_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    project(tmp_path, flows__x=FLOW + PASSING + FAILING)

    def run(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["segflow", "--project-dir", str(tmp_path), "test", *words])
        with pytest.raises(SystemExit) as stop:
            main()
        return int(stop.value.code or 0)

    assert run("--format", "json") == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["passed"], found["failed"]) == (2, 1)
    [failed] = [one for one in found["tests"] if not one["passed"]]
    assert (failed["flow"], failed["test"], failed["error"]) == ("x", "all of it wrong", None)
    where = "tick 2 (2026-03-02): "
    assert failed["problems"] == [
        f"{where}bob has no message of step again that could be opened",
        f"{where}ana should get nothing and gets hello",
        f"{where}bob should get hello and gets nothing",
        f"{where}eve should get hello and gets nothing (hello was skipped: no_address)",
        f"{where}the journal of ana should say hello skipped and says hello send_sms",
        f"{where}the journal of eve should say nothing and says hello send_sms",
        f"{where}ana should be at read and is at think",
    ]


def test_in_pytest_and_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    short = FLOW + PASSING.split("  - name: with")[1].join(["  - name: with", ""])
    project(tmp_path, flows__x=short)
    [case] = flow_tests(tmp_path)
    assert str(case) == "x-with members given"
    case.check()
    monkeypatch.setattr(sys, "argv", ["segflow", "--project-dir", str(tmp_path), "test", "hello"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    assert "unknown segment hello" in capsys.readouterr().err


REFUSED: dict[str, tuple[str, str]] = {
    "no ticks": ("{name: a, ticks: []}", "22: ticks needs at least 1 item"),
    "an unknown key": ("{name: a, ticks: [{at: 2026-03-01, membrs: []}]}", "40: unknown key membrs; known here: at, contacts, gone, events, objects, lists, tags, reported, segments, expect"),
    "no such time": ("{name: a, ticks: [{at: soon}]}", "28: 'soon' is not a date or time: write one like 2026-01-31 or 2026-01-31T09:00:00Z"),
    "back in time": ("{name: a, ticks: [{at: 2026-03-02}, {at: 2026-03-02}]}", "46: the tick at 2026-03-02 does not come after the one before"),
    "an unknown attribute": ("{name: a, ticks: [{at: 2026-03-01, contacts: [{contact_id: ana, cty: Rome}]}]}", "69: there is no attribute cty (did you mean city?)"),
    "somebody unknown": ("{name: a, ticks: [{at: 2026-03-01, gone: [ana]}]}", "47: there is no contact ana; each contact has a row under contacts"),
    "a step that sends nothing": ("{name: a, ticks: [{at: 2026-03-01, contacts: [{contact_id: ana}], reported: [{contact_id: ana, step: think, message: opened}]}]}", "106: there is no step that sends called think; there are hello, again"),
    "a message of no step": ("{name: a, ticks: [{at: 2026-03-01, contacts: [{contact_id: ana}], expect: {messages: {ana: helo}}}]}", "96: there is no step called helo (did you mean hello?)"),
    "a place that is none": ("{name: a, ticks: [{at: 2026-03-01, contacts: [{contact_id: ana}], expect: {at: {ana: thnk}}}]}", "90: there is no step called thnk (did you mean think?)"),
    "an unknown segment": ("{name: a, ticks: [{at: 2026-03-01, segments: {tae: []}}]}", "51: there is no segment tae (did you mean tea?)"),
    "twice the same name": ("{name: a, ticks: [{at: 2026-03-01}]}\n  - {name: a, ticks: [{at: 2026-03-01}]}", "12: there are two tests called a"),
}  # fmt: skip


@pytest.mark.parametrize(("test", "told"), REFUSED.values(), ids=REFUSED)
def test_what_validate_refuses(tmp_path: Path, test: str, told: str) -> None:
    line = 13 + test.count("\n")
    assert messages(tmp_path, flows__x=f"{FLOW}  - {test}\n") == [f"x.yml:{line}:{told}"]


def test_tests_are_no_part_of_the_flow() -> None:
    def read(text: str) -> FlowSpec:
        return FlowSpec.model_validate(parse_spec_file(text, "x.yml").data)

    assert fingerprint(read(FLOW.removesuffix("tests:\n"))) == fingerprint(read(FLOW + PASSING))
