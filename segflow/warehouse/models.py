"""What runs models: dbt, and what stands in for it where a tick is rehearsed or tested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from sqlglot import exp

from segflow.durations import Duration


@dataclass(frozen=True)
class ModelResult:
    """What became of one model in a run. `status` is dbt's: success, error or skipped."""

    model: str
    status: str
    message: str
    seconds: float
    file: str = ""
    """Below the project's root."""


class Models(Protocol):
    """The generated models and the user's."""

    def relation(self, model: str) -> exp.Table:
        """The warehouse relation of a model. Raises RunError when there is no such model, or it has no relation."""
        ...

    def code(self, model: str) -> str:
        """A hash of the code of a model and of what it is built on. Raises RunError when there is no such model."""
        ...

    def forget(self) -> None:
        """Files changed: read them again before the next run."""
        ...

    def run(
        self,
        select: Sequence[str],
        variables: Mapping[str, Any],
        patches: Mapping[str, str] | None = None,
        exclude: Sequence[str] | None = None,
        limits: Mapping[str, Duration] | None = None,
    ) -> dict[str, ModelResult]:
        """Run models and return what became of each.

        `select`: names, with a `+` in front for a model and all that it is built on. `variables`: tick id and bounds as
        `{"segflow": {"tick_id": ..., "bounds": {key: SQL}}}`. `patches` replaces the code of models for this run only.
        A model of `limits` that takes longer fails. Raises RunError when nothing could be run, not when a model fails.
        """
        ...


@runtime_checkable
class PatchingModels(Protocol):
    """Models whose `run` patches fact models and notes what they are whole for, as `models.build_plans` tells it."""

    def shared_code(self) -> str:
        """A hash of what the code of models may call or read without naming it: the project's macros and variables."""
        ...
