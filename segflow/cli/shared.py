"""What every command of the command line shares: where the project is, and how to print."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import typer

from segflow.errors import InputError
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


def instant_of(text: str | None) -> datetime | None:
    """The moment that an option names. Raises InputError."""
    if text is None:
        return None
    from segflow.specs.types import parse_instant

    try:
        return parse_instant(text)
    except ValueError:
        raise InputError(f"--as-of {text}: not a time in ISO form, like 2026-01-31T06:00:00Z") from None
