"""The kinds of steps: every module of this folder that has a `Step` with a `key` adds its kind."""

from __future__ import annotations

import sys
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Annotated, TypeAlias, Union

from pydantic import Discriminator, Tag

from segflow.specs.conditions import key_of
from segflow.specs.steps.base import Step, walk


def _kinds() -> dict[str, type[Step]]:
    modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    found = [
        one
        for module in modules
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, Step) and one.__module__ == module.__name__ and "key" in vars(one)
    ]
    return {one.key: one for one in sorted(found, key=lambda one: one.order)}


KINDS = _kinds()
"""Key -> kind."""
STEP_KEYS = tuple(KINDS)

if TYPE_CHECKING:
    AnyStep: TypeAlias = Step
else:
    AnyStep = Annotated[
        Union[tuple(Annotated[kind, Tag(f"<{key}>")] for key, kind in KINDS.items())],  # noqa: UP007
        Discriminator(
            key_of(STEP_KEYS),
            custom_error_type="step",
            custom_error_message="not a step: expected exactly one of " + ", ".join(STEP_KEYS),
        ),
    ]

for _kind in KINDS.values():
    # Those that hold steps look for the union there when they are first used.
    vars(sys.modules[_kind.__module__])["_StepUnion"] = AnyStep

__all__ = ["KINDS", "STEP_KEYS", "AnyStep", "Step", "walk"]
