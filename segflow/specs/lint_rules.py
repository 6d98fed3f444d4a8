"""The rules of `segflow lint`: their names are what the `lint: {ignore: [...]}` of a segment or flow may list."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field

from segflow.specs.types import SpecModel

Rule = Literal[
    "never-true",
    "always-true",
    "nobody-can-match",
    "everyone-can-match",
    "same-rule",
    "unused-segment",
    "missing-values",
    "selects-no-one",
    "selects-everyone",
    "window-longer-than-data",
    "never-seen",
    "value-never-seen",
    "always-missing",
    "ticks-too-seldom",
    "moment-is-over",
    "once-ever",
]
RULES: tuple[Rule, ...] = get_args(Rule)
NOTES: frozenset[Rule] = frozenset({"unused-segment", "selects-no-one", "window-longer-than-data"})
"""The rules that often report what is meant to be so; the others are warnings."""


class LintSettings(SpecModel):
    """What `segflow lint` leaves out for one segment or flow."""

    ignore: list[Rule] = Field(default_factory=list)
