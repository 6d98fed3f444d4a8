"""The ordered list of stages. The CLI runs them in a row, Dagster one asset group each; both run this list.

Every stage can be repeated. What it decides is committed together with the mark that it is done, so a tick that died
in any stage is resumed under the same id and ends in the same tables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from segflow.errors import InputError
from segflow.stages.advance import advance
from segflow.stages.build import build_models
from segflow.stages.cross import cross
from segflow.stages.export import export
from segflow.stages.ingest import ingest
from segflow.stages.send import send
from segflow.stages.tick_run import TickRun
from segflow.ticks.ledger import STAGE_NAMES


@dataclass(frozen=True)
class Stage:
    """A stage by name; `run` does it and commits that it is done."""

    name: str
    run: Callable[[TickRun], None]


_WORK = (ingest, build_models, cross, advance, send, export)
STAGES: tuple[Stage, ...] = tuple(Stage(name, work) for name, work in zip(STAGE_NAMES, _WORK, strict=True))


def stage_named(name: str) -> Stage:
    """The stage of that name. Raises InputError."""
    for stage in STAGES:
        if stage.name == name:
            return stage
    raise InputError(f"unknown stage {name}")
