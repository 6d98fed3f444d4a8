"""The pages that are made from the code are what the code makes; every option and key says what it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from reference.pages import DOCS, PARTS, WHOLE, made
from segflow.cli.main import app


@pytest.mark.parametrize("name", [*WHOLE, *PARTS])
def test_a_page_is_what_the_code_makes(name: str) -> None:
    page = (DOCS / name).read_text(encoding="utf-8")
    assert page == made(name), f"docs/{name} is not what the code says: run make docs (or python -m reference)"


def _parameters(command: Any, words: str) -> Iterator[tuple[str, Any]]:
    for parameter in command.params:
        yield f"{words} {parameter.name}", parameter
    for name, one in getattr(command, "commands", {}).items():
        yield from _parameters(one, f"{words} {name}")


def test_every_option_says_what_it_is() -> None:
    silent = [
        words
        for words, parameter in _parameters(typer.main.get_command(app), "segflow")
        if not parameter.help and not parameter.hidden and "completion" not in parameter.name
    ]
    assert silent == []


def test_every_command_is_told() -> None:
    names = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    names |= {group.name for group in app.registered_groups if group.name}
    page = made("CLI.md")
    assert len(names) > 20
    assert [name for name in sorted(names) if f"## segflow {name}" not in page] == []
