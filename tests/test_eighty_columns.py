"""On a terminal of 80 columns no name is broken in two, whatever command prints it."""

from __future__ import annotations

import io
import itertools
import re
import shutil
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from rich.cells import cell_len
from rich.text import Text

from demo.shop import build
from segflow.cli import screen
from segflow.cli.grid import Branch, grid, tree
from segflow.cli.main import app, main
from segflow.cli.screen import COMMANDS, fitted
from segflow.specs.load import load_specs

ROOT = Path(__file__).resolve().parents[1]
LONG = "bought_anything_within_the_last_six_months"
Say = Callable[..., "Said"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small shop whose first tick is to come, with a segment of a long name."""
    root = tmp_path_factory.mktemp("a_folder_of_a_long_name_as_they_are_on_servers")
    for folder in ("segment_specs", "flow_specs"):
        shutil.copytree(ROOT / folder, root / folder)
    shutil.copytree(ROOT / "dbt", root / "dbt", ignore=shutil.ignore_patterns("target", "logs"))
    shutil.copy(ROOT / "segflow.yml", root)
    shutil.copy(root / "segment_specs/win_back.yml", root / f"segment_specs/{LONG}.yml")
    (root / "addresses.csv").write_text("address\na_person_of_a_long_name@mail.example.com\n")
    (root / "tags.csv").write_text("contact_id,no_such_column_of_the_catalog\nC000001,x\n")
    build(root / ".segflow/warehouse.duckdb", contacts=200)
    return root


class Said(NamedTuple):
    """What a command printed at 80 columns, and the texts that it gave to the screen for that."""

    told: str
    given: str
    as_it_is: list[str]
    """Lines of what is printed as it is: SQL, letters."""


@pytest.fixture
def say(shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    given: list[str] = []
    lines: list[str] = []

    def fitted(text: Text, width: int, hang: int = 0) -> list[Text]:
        given.append(text.plain)
        return screen.fitted(text, width, hang)

    def verbatim(self: screen.Screen, text: str | Text) -> None:
        if isinstance(text, str):
            given.append(text)
            lines.extend(text.splitlines())
        as_it_is(self, text)

    def fit(self: screen.Screen, text: str | Text, markup: bool) -> Text:
        given.append(str(text))
        return as_it_fits(self, text, markup)

    as_it_is, as_it_fits = screen.Screen.verbatim, screen.Screen._fit
    monkeypatch.setattr("segflow.cli.grid.fitted", fitted)
    monkeypatch.setattr(screen.Screen, "verbatim", verbatim)
    monkeypatch.setattr(screen.Screen, "_fit", fit)
    monkeypatch.setenv("SEGFLOW_COLUMNS", "80")

    def call(*arguments: str) -> Said:
        given.clear()
        lines.clear()
        monkeypatch.setattr(sys, "argv", ["segflow", "--project-dir", str(shop), *arguments])
        with pytest.raises(SystemExit):
            main()
        told = capsys.readouterr()
        return Said(told.out + told.err, " ".join(given), [*lines])

    return call


def _faults(said: Said, names: set[str]) -> list[str]:
    words = set(said.given.split())
    found = [f"broken: {word}" for word in said.told.split() if word not in words and word not in "│├──└──"]
    found += [f"lost: {name}" for name in sorted(names) if name in said.given and name not in said.told]
    for line in said.told.splitlines():
        # What cannot be broken is longer where it has to be, and stands alone.
        if cell_len(line) > 80 and line not in said.as_it_is and not any(len(word) > 25 for word in line.split()):
            found.append(f"too long: {line}")
        # The shop's dbt profile is called so, too.
        if re.search(r"(?:^|\s)(?<!profile )(?:\S*/)?segflow$", line):
            found.append(f"command broken: {line}")
    return found


def _looks(shop: Path) -> list[str]:
    with sqlite3.connect(shop / ".segflow/delivery.db") as store:
        (message, flow, step, contact) = store.execute(
            "SELECT message_id, flow, step, contact_id FROM messages WHERE contact_id <> '' ORDER BY 1"
        ).fetchone()
        store.execute("UPDATE messages SET status = 'failed' WHERE message_id = ?", (message,))
        why = "smtp_a_very_long_word_of_the_provider_says 550 5.1.1 no such user here, try again later"
        store.execute("UPDATE attempts SET outcome = 'failed', reason = ? WHERE message_id = ?", (why, message))
    store.close()
    return [
        "validate", "lint", "segments", "flows", "flows --lift", "tasks", f"history {LONG}", "history win_back",
        f"history all_customers --contact {contact}", f"overlap all_customers {LONG} win_back", f"trace {contact}",
        f"preview {LONG}", "preview lapsing_customers --sql", f"explain {LONG} {contact}",
        f"explain slowing_down {contact}", "explain abandoned_cart nobody", f"render {flow} {step} --contact {contact}",
        f"backtest {flow} --from 2026-02-02 --to 2026-02-02", f"export {LONG} -o {shop}/{LONG}.csv",
        "plan --as-of 2026-02-21", f"flow show {flow}", "flow show cart_reminder", "outbox list",
        "outbox list --flow no_such_flow", f"outbox retry {message} --reason mended", "outbox drop", "imports",
        f"import {shop}/tags.csv", "doctor", "compact", "compile --check", "fmt --check", "sender check mailbox",
        f"suppressions add email {LONG}@example.com", f"suppressions import {shop}/addresses.csv --channel email",
        f"suppressions export {shop}/suppressed_addresses_of_this_project.csv", "contact deleted",
        "api-key list", "api-key calls", f"freeze {LONG} --list no_such_list_in_the_catalog", "release no_such_segment",
        f"flow pause {flow} --reason why", f"flow resume {flow}", "stop-sending --reason prices_are_wrong",
        "stop-sending --lift", "test win_back", f"schema --directory {shop}/schemas_for_editors",
        f"flow enroll {flow} --contacts {shop}/tags.csv", f"flow remove {flow} {contact} --reason asked",
        f"coupons add win_back {shop}/addresses.csv", "suppressions remove email nobody@example.com",
        f"contact restore {contact}", "outbox drain", "api-key revoke nobody", "outbox release --all",
        f"send-test {flow} {step} --to a@example.com --contact {contact}", "api-key add a_key --role analyst",
        f"flow retrigger {flow} --segment {LONG}", f"init {shop}", "move --to postgres",
    ]  # fmt: skip


NOT_RUN = {"vars", "serve", "ui", "rebuild"}
"""JSON alone, servers, and what takes long and prints a table of two columns."""


def test_no_command_breaks_a_name(shop: Path, say: Say) -> None:
    ticks = [say("tick", "--as-of", "2026-02-01"), say("tick", "--as-of", "2026-02-20")]
    specs = load_specs(shop)
    names = {*specs.segments, *specs.flows, *specs.settings.all_senders()}
    names |= {path.stem for path in (shop / "dbt/models").rglob("*.sql")}
    commands = _looks(shop)
    said = {f"tick {number}": one for number, one in enumerate(ticks)}
    said |= {command: say(*command.split()) for command in commands}
    assert [command for command, one in said.items() if not one.told] == []
    assert sum(LONG in one.told for one in said.values()) > 4
    faults = [f"{command}: {fault}" for command, one in said.items() for fault in _faults(one, names)]
    assert faults == [], "\n".join(faults)
    first = {command.split()[0] for command in commands} | {"tick"}
    grouped = {" ".join(command.split()[:2]) for command in commands}
    assert _names(app) - first == NOT_RUN
    for group in app.registered_groups:
        assert {f"{group.name} {one}" for one in _names(group.typer_instance)} <= grouped


def _names(commands: Any) -> set[str]:
    """The names of the commands of a Typer."""
    return {one.name or one.callback.__name__.replace("_", "-") for one in commands.registered_commands}


def test_the_commands_that_stay_whole_are_those_that_there_are() -> None:
    groups = {group.name: _names(group.typer_instance) for group in app.registered_groups}
    assert _names(app).union(groups, *groups.values()) == COMMANDS


@pytest.mark.parametrize(
    ("told", "width", "lines"),
    [
        pytest.param("run segflow tick again: it", 20, ["run", "segflow tick again:", "it"], id="command"),
        pytest.param(
            "see .venv/bin/segflow flow show cart_reminder", 30, ["see", ".venv/bin/segflow flow show cart_reminder"],
            id="longer than a line",
        ),
        pytest.param("since 2026-02-01 10:00 UTC on", 20, ["since", "2026-02-01 10:00 UTC", "on"], id="time"),
        pytest.param("- a name_of_more_than_ten b", 12, ["- a", "  name_of_more_than_ten", "  b"], id="long name"),
        pytest.param("[red] :x: stays", 80, ["[red] :x: stays"], id="no markup"),
        pytest.param("one  two\n\nthree", 80, ["one  two", "", "three"], id="it fits"),
        pytest.param("顧客の 名前が 長い", 8, ["顧客の", "名前が", "長い"], id="wide letters"),
    ],
)  # fmt: skip
def test_lines_end_at_blanks(told: str, width: int, lines: list[str]) -> None:
    assert [line.plain for line in fitted(Text(told), width)] == lines


def test_a_table_is_whole_else_its_sentences_break_else_it_is_blocks() -> None:
    rows = [[Text("cart_reminder"), Text("12"), Text("it waits for a sender that rests since noon")], [Text("b")] * 3]
    told = [
        [line.plain for line in grid(["flow", "contacts", "reason"], rows, width, right={1})] for width in (80, 50, 30)
    ]
    assert told == [
        [
            "flow           contacts  reason",
            "cart_reminder        12  it waits for a sender that rests since noon",
            "b                     b  b",
        ],
        [
            "flow           contacts  reason",
            "cart_reminder        12  it waits for a sender",
            "                         that rests since noon",
            "b                     b  b",
        ],
        [
            "flow: cart_reminder",
            "contacts: 12",
            "reason: it waits for a sender",
            "  that rests since noon",
            "",
            *itertools.chain(["flow: b", "contacts: b", "reason: b"]),
        ],
    ]


def test_the_terminal_of_a_parent_says_nothing_of_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    made = screen.Screen(file=io.StringIO())
    monkeypatch.setenv("COLUMNS", "20")
    assert made.width == screen.UNLIMITED
    monkeypatch.setenv("SEGFLOW_COLUMNS", "30")
    assert made.width == 30
    assert screen.Screen(file=io.StringIO(), force_terminal=True).width == 20


def test_a_tree_goes_on_below_its_text() -> None:
    root = Branch(Text("all of these"), [Branch(Text("bought_tea in the last month")), Branch(Text("b"))])
    assert [line.plain for line in tree(root, 24)] == [
        "all of these",
        "├── bought_tea in the",
        "│   last month",
        "└── b",
    ]


@pytest.mark.parametrize(
    "path",
    [
        pytest.param((*group, name), id=" ".join((*group, name)))
        for group, commands in [((), app), *(((one.name,), one.typer_instance) for one in app.registered_groups)]
        for name in sorted(_names(commands))
    ],
)
def test_help_breaks_no_word(
    path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(width: int) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", width)
        monkeypatch.setattr(sys, "argv", ["segflow", *path, "--help"])
        with pytest.raises(SystemExit):
            main()
        return re.findall(r"[\w<>|/.-]{2,}", capsys.readouterr().out)

    assert set(told(80)) - set(told(400)) == set()
