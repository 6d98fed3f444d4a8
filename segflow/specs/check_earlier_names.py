"""`renamed_from` of segments and flows: one file goes on with the history of another name, and only one."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from segflow.specs.flow import NamedFlow
from segflow.specs.loaded import Reporter
from segflow.specs.segment import NamedSegment
from segflow.specs.spec_file import Loc


def check_earlier_names(
    say: Reporter,
    named: NamedSegment | NamedFlow,
    kind: Literal["segment", "flow"],
    present: Collection[str],
    renamed: dict[str, str],
) -> None:
    """`present`: the names that have files. `renamed`: earlier name -> the file that says so; those of `named` are
    added."""
    several = isinstance(named.spec.renamed_from, list)
    for index, name in enumerate(named.spec.earlier_names):
        loc: Loc = ("renamed_from", index) if several else ("renamed_from",)
        if name == named.id:
            say(loc, f"{name} is the name that this {kind} has")
        elif name in present:
            say(
                loc,
                f"{kind} {name} has a file of its own: remove that file, or, when a tick has seen this rename, "
                "remove the name here",
            )
        elif name in renamed:
            twice = renamed[name] == named.id
            say(
                loc,
                f"{name} is given twice" if twice else f"{kind} {renamed[name]} was {name} already: only one can be",
            )
        renamed.setdefault(name, named.id)
