"""What every command of the command line shares: where the project is, and how to print."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from segflow.interrupts import interrupt_later


@dataclass
class Options:
    """The options that every command shares."""

    root: Path
    json: bool


def options_of(context: typer.Context) -> Options:
    """The shared options of this call."""
    options = context.obj
    assert isinstance(options, Options)
    return options


def project_of(context: typer.Context) -> Any:
    """The project of this call; importing it takes a second, which only commands that need it wait for."""
    with interrupt_later():
        from segflow.project import Project

    return Project(options_of(context).root)
