"""A draft may be unfinished: its problems are warnings. Only what is active must be whole."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from segflow.cli.main import main
from segflow.senders.smtp import SmtpSettings
from segflow.specs.load import collect_with_warnings
from tests.specs.helpers import project, short

WHOLE = "trigger: {enters: tea}\nsteps:\n- {id: a, wait: 1 day}\n"
DRAFTS: dict[str, tuple[str, list[str]]] = {
    "no trigger and no steps": ("status: draft\n", ["x.yml:1:1: steps is missing", "x.yml:1:1: trigger is missing"]),
    "nothing but a name": ("description: Welcome\n", ["x.yml:1:1: steps is missing", "x.yml:1:1: trigger is missing"]),
    "empty steps": (
        "status: draft\ntrigger: {enters: tea}\nsteps: []\n",
        ["x.yml:3:8: steps needs at least 1 item"],
    ),
    "a step without a value": (
        "status: draft\ntrigger: {enters: tea}\nsteps:\n- id: a\n  wait:\n",
        ["x.yml:5:3: wait has no value; give one or remove the key"],
    ),
    "an unknown key": (f"{WHOLE}status: draft\nstpes: []\n", ["x.yml:5:1: unknown key stpes (did you mean steps?)"]),
    "an unknown segment": (
        "status: draft\ntrigger: {enters: tae}\nsteps:\n- {id: a, wait: 1 day}\n",
        ["x.yml:2:19: there is no segment tae (did you mean tea?)"],
    ),
    "an unknown attribute": (
        f"{WHOLE}where: {{attribute: ctiy, is: London}}\n",
        ["x.yml:4:20: there is no attribute ctiy"],
    ),
    "a template that is not written yet": (
        "trigger: {enters: tea}\nsteps:\n- {id: a, send_email: {template: later}}\n",
        ["x.yml:3:34: there is no template later"],
    ),
}


@pytest.mark.parametrize(("flow", "told"), DRAFTS.values(), ids=DRAFTS)
def test_the_problems_of_a_draft_are_warnings(tmp_path: Path, flow: str, told: list[str]) -> None:
    specs, issues, warnings = collect_with_warnings(project(tmp_path, flows__x=flow))
    assert issues == []
    found = [short(issue) for issue in warnings]
    assert len(found) == len(told)
    assert all(one.startswith(begin) for one, begin in zip(found, told, strict=True)), found
    assert specs is not None
    assert (specs.unfinished, "x" in specs.flows, "hello" in specs.flows) == ({"x"}, False, True)


@pytest.mark.parametrize("status", ["active", "paused", "archived"])
@pytest.mark.parametrize(("flow", "told"), DRAFTS.values(), ids=DRAFTS)
def test_what_is_no_draft_must_be_whole(tmp_path: Path, flow: str, told: list[str], status: str) -> None:
    written = f"{flow.replace('status: draft', '#')}status: {status}\n"
    specs, issues, warnings = collect_with_warnings(project(tmp_path, flows__x=written))
    assert (specs, len(issues), warnings) == (None, len(told), [])


NO_DRAFTS: dict[str, tuple[str, str]] = {
    "it cannot be read": ("status: draft\nsteps: [", "x.yml:"),
    "the file is empty": ("", "x.yml:1:1: the file is empty"),
    "the status is misspelt": (f"statsu: active\n{WHOLE}", "x.yml:1:1: unknown key statsu (did you mean status?)"),
    "the status is unknown": (f"status: drafty\n{WHOLE}", "x.yml:1:9: status cannot be the text 'drafty'"),
}


@pytest.mark.parametrize(("flow", "told"), NO_DRAFTS.values(), ids=NO_DRAFTS)
def test_who_cannot_be_known_to_be_a_draft_is_none(tmp_path: Path, flow: str, told: str) -> None:
    _, issues, warnings = collect_with_warnings(project(tmp_path, flows__x=flow))
    assert short(issues[0]).startswith(told)
    assert warnings == []


def test_what_others_say_of_a_draft(tmp_path: Path) -> None:
    """Its name is known; its steps are judged as far as it has them."""
    draft = "status: draft\nsteps:\n- {id: a, wait: 1 day}\n"
    about = "where: {message: sent, flow: x}\n"
    specs, issues, _ = collect_with_warnings(project(tmp_path, flows__x=draft, segments__s=about))
    assert specs is not None
    about = "where: {message: sent, flow: y}\n"
    _, issues, _ = collect_with_warnings(project(tmp_path, segments__s=about))
    assert [short(issue) for issue in issues] == ["s.yml:1:30: there is no flow y; there are hello, x"]


@pytest.mark.parametrize(("other", "stops"), [("draft", False), ("active", True), (None, True)])
def test_a_template_that_only_drafts_use_may_be_unfinished(tmp_path: Path, other: str | None, stops: bool) -> None:
    flow = "trigger: {enters: tea}\nsteps:\n- {id: a, send_sms: {template: text}}\n"
    files = {"templates__text": "Hi {{ contact.nobody }} {%"}
    if other is not None:
        files |= {"flows__x": f"status: draft\n{flow}", "flows__y": f"status: {other}\n{flow}"}
    _, issues, warnings = collect_with_warnings(project(tmp_path, **files))
    assert (bool(issues), bool(warnings)) == (stops, not stops)


REPORTED: dict[str, tuple[str, str, str | None]] = {
    "sent": ("{message: sent}", "", None),
    "opened": ("{message: opened}", "", "s.yml:1:18: nothing brings in which messages were opened"),
    "on a channel": (
        "{message: clicked, channel: sms}",
        "",
        "s.yml:1:18: nothing brings in which messages on sms were clicked",
    ),
    "inside of others": (
        "{not: {any: [{message: bounced}]}}",
        "",
        "s.yml:1:31: nothing brings in which messages were bounced",
    ),
}


@pytest.mark.parametrize(("where", "settings", "told"), REPORTED.values(), ids=REPORTED)
def test_what_nobody_reports_is_told(tmp_path: Path, where: str, settings: str, told: str | None) -> None:
    specs, issues, warnings = collect_with_warnings(project(tmp_path, segments__s=f"where: {where}\n"))
    assert specs is not None
    assert issues == []
    assert [short(one)[: len(told or "")] for one in warnings] == ([told] if told else [])


def test_what_a_sender_reports_is_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SmtpSettings, "reports", ("opened",))
    smtp = "senders: {post: {type: smtp, host: localhost, from: a@example.com}}\n"
    for where, settings, warned in [
        ("{message: opened}", "", True),
        ("{message: opened}", smtp, False),
        ("{message: opened, channel: email}", smtp, False),
        ("{message: opened, channel: sms}", smtp, True),
        ("{message: clicked}", smtp, True),
    ]:
        root = tmp_path / str(len(list(tmp_path.iterdir())))
        _, issues, warnings = collect_with_warnings(project(root, segments__s=f"where: {where}\n", settings=settings))
        assert (issues, bool(warnings)) == ([], warned), where


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    root = project(tmp_path, flows__x="status: draft\n")

    def run(*arguments: str) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["segflow", "--project-dir", str(root), "validate", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code, *capsys.readouterr()

    code, out, err = run()
    assert not code
    assert (
        out == "1 segments and 1 flows are fine.\nx is an unfinished draft: left out until the warnings are mended.\n"
    )
    assert "warning: flow_specs/x.yml:1:1: trigger is missing\n" in err
    code, out, _ = run("--format", "json")
    assert not code
    told = json.loads(out)
    assert (told["issues"], len(told["warnings"])) == ([], 2)
