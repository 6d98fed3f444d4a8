"""Every command in a folder that is no project yet, or half of one: what it says leads on."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from segflow.cli.main import app, main

CONTACTS = "contacts: {model: stg_contacts}\n"
SEGMENT = "where: {everyone: true}\n"
FLOW = "trigger: {enters: all_of_them}\nstatus: active\nsteps: [{id: think, wait: 1 day}]\n"
DBT = {
    "dbt/dbt_project.yml": "name: shop\nprofile: segflow\n",
    "dbt/models/staging/stg_contacts.sql": "select 1 as contact_id",
}
WHOLE = {
    "segflow.yml": "name: shop\n",
    "segment_specs/catalog.yml": CONTACTS,
    "segment_specs/all_of_them.yml": SEGMENT,
    "flow_specs/hello.yml": FLOW,
    **DBT,
}

FOLDERS: dict[str, tuple[dict[str, str | None], str]] = {
    "nothing": ({}, "segflow init"),
    "a segflow.yml alone": ({"segflow.yml": "name: shop\n"}, "segment_specs/catalog.yml"),
    "an empty segflow.yml": ({"segflow.yml": ""}, "segment_specs/catalog.yml"),
    "no spec in segment_specs": ({"segflow.yml": "", "segment_specs/.keep": ""}, "segment_specs/catalog.yml"),
    "no catalog": ({**WHOLE, "segment_specs/catalog.yml": None}, "segment_specs/catalog.yml"),
    "an empty catalog": ({**WHOLE, "segment_specs/catalog.yml": ""}, "segment_specs/catalog.yml"),
    "no dbt project": ({name: text for name, text in WHOLE.items() if name not in DBT}, ""),
    "no segment": ({**WHOLE, "segment_specs/all_of_them.yml": None, "flow_specs/hello.yml": None}, ""),
    "a typo in segflow.yml": ({**WHOLE, "segflow.yml": "time_zome: UTC\n"}, "time_zone"),
    "a typo in the catalog": ({**WHOLE, "segment_specs/catalog.yml": "contcts: {model: stg_contacts}\n"}, "contacts"),
    "a typo in a segment": ({**WHOLE, "segment_specs/all_of_them.yml": "were: {everyone: true}\n"}, "where"),
    "a typo in a flow": ({**WHOLE, "flow_specs/hello.yml": FLOW.replace("all_of", "al_of")}, "all_of_them"),
    "a typo in the name of a model": (
        {**WHOLE, "segment_specs/catalog.yml": "contacts: {model: stg_contact}\n"},
        "stg_contacts",
    ),
    "a dbt_project.yml that is none": ({**WHOLE, "dbt/dbt_project.yml": "name: [\n"}, ""),
}
"""What is in the folder, and what every command that needs a project must name there."""

ARGUMENTS = {
    "import": ["people.csv", "--no-trigger-flows"],
    "coupons add": ["spring", "codes.txt"],
    "flow enroll": ["hello", "--segment", "all_of_them"],
    "flow show": ["hello", "--format", "text"],
    "suppressions add": ["email", "ana@example.com"],
    "suppressions remove": ["email", "ana@example.com"],
    "suppressions import": ["addresses.csv"],
    "suppressions export": ["out.csv"],
    "export": ["all_of_them"],
    "render": ["hello", "think", "--contact", "1"],
    "send-test": ["hello", "think", "--contact", "1", "--to", "ana@example.com"],
    "backtest": ["hello", "--from", "2026-01-01", "--to", "2026-01-03"],
    "preview": ["all_of_them"],
    "explain": ["all_of_them", "1"],
    "history": ["all_of_them"],
    "overlap": ["all_of_them", "others"],
    "trace": ["1"],
    "freeze": ["all_of_them", "--list", "kept"],
    "release": ["all_of_them"],
    "doctor": ["--format", "json"],  # its table folds sentences between its columns
    "outbox retry": ["m1"],
    "outbox release": ["m1"],
    "outbox drop": ["m1"],
    "flow retrigger": ["hello"],
    "flow pause": ["hello"],
    "flow resume": ["hello"],
    "flow remove": ["hello", "1"],
    "sender check": ["mailbox"],
    "api-key add": ["desk"],
    "api-key revoke": ["desk"],
    "contact restore": ["1"],
    "move": ["--to", "postgres"],
}
APART = {"init", "ui", "serve"}
"""Commands that make a project, or go on until they are stopped."""


def commands() -> Iterator[str]:
    def walk(command: Any, path: tuple[str, ...]) -> Iterator[str]:
        below = getattr(command, "commands", {})
        for name, one in below.items():
            yield from walk(one, (*path, name))
        if path and (not below or command.invoke_without_command):
            yield " ".join(path)

    yield from walk(get_command(app), ())


COMMANDS = sorted(set(commands()) - APART)
SOME = ("validate", "tick", "plan", "doctor", "segments", "preview", "outbox list", "import", "test", "coupons add")
"""Where files are wrong all commands say the same, which these show."""
WORDS = {word for name in [*COMMANDS, *APART] for word in [name.split()[0]]}


def put_files(folder: Path) -> None:
    """The files that commands are given."""
    (folder / "people.csv").write_text("contact_id\n1\n")
    (folder / "addresses.csv").write_text("channel,address\nemail,ana@example.com\n")
    (folder / "codes.txt").write_text("SPRING1\n")


def said(command: str, root: Path, monkeypatch: Any, capsys: Any) -> tuple[Any, str]:
    words = ["segflow", "--project-dir", str(root), *command.split(), *ARGUMENTS.get(command, [])]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as end:
        main()
    printed = capsys.readouterr()
    return end.value.code, printed.out + printed.err


@pytest.mark.parametrize(("files", "named"), FOLDERS.values(), ids=FOLDERS)
def test_what_commands_say_leads_on(
    files: dict[str, str | None], named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    put_files(tmp_path)
    wrong = []
    for command in COMMANDS if not named or not files else SOME:
        root = tmp_path / "shop" / command.replace(" ", "_")
        for name, text in files.items():
            if text is not None:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
        root.mkdir(parents=True, exist_ok=True)
        code, text = said(command, root, monkeypatch, capsys)
        text = text.replace(str(root), "ROOT")
        advised = re.findall(r"segflow ([a-z][a-z-]+)\b", text)
        faults = [f"advises segflow {word}" for word in advised if word not in WORDS]
        faults += ["names a place 0:0"] if ":0:0" in text else []
        if code:
            faults += ["names an internal table"] if re.search(r'"segflow"|segflow\.(?!yml|sql)', text) else []
            faults += [] if named in text else [f"does not name {named}"]
        if faults:
            wrong.append(f"{command} [{code}] {faults}:\n{text}")
    assert not wrong, "\n".join(wrong)


def test_what_builds_models_says_that_there_is_no_dbt_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    for name, text in FOLDERS["no dbt project"][0].items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text or "")
    code, text = said("tick", tmp_path, monkeypatch, capsys)
    assert code == 2
    assert f"there is no dbt project: {tmp_path / 'dbt'} holds no dbt_project.yml" in text
