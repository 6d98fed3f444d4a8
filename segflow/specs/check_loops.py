"""Loops: a flow whose steps bring a contact out of a segment and back in, which starts the flow again.

Only what goes round for ever by itself counts. A step that takes the contact out of its own segment (the list that the
rule leaves out) ends the matter; whoever comes back by a change from outside, or when a window of time is over, was not
brought back by the flows. So, of the crossings that start the flows of a circle, each must be undone there, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from segflow.specs.effects import Effect, conjuncts, effects_of, segment_conjuncts, segment_turns, turns
from segflow.specs.flow import NamedFlow
from segflow.specs.loaded import Loaded
from segflow.specs.segment import NamedSegment
from segflow.specs.spec_file import Loc
from segflow.specs.triggers import AnyTrigger

Crossing = tuple[bool, str]
"""Enters it (or exits), and the segment."""


@dataclass(frozen=True)
class _Feeds:
    """A flow starts another one (or itself): by what it does, and by which crossing; None: by a step for that."""

    flow: str
    other: str
    effect: Effect
    crossing: Crossing | None

    def __str__(self) -> str:
        return f"{self.flow}: {self.effect}" + (f" -> {_said(self.crossing)}" if self.crossing else "")


def check_loops(loaded: Loaded) -> None:
    """Report each circle of flows that feeds itself, once, with the way."""
    flows = {name: one for name, one in loaded.flows.items() if _may_repeat(one)}
    effects = {name: effects_of(one.spec) for name, one in flows.items()}
    feeds = [one for name in flows for one in _feeds(flows, name, effects[name], loaded.segments)]
    causes = {
        name: {
            (way, segment)
            for segment in {one.crossing[1] for one in feeds if one.crossing is not None}
            for effect in found
            for way in segment_turns(segment, effect, loaded.segments)
        }
        for name, found in effects.items()
    }
    while feeds:
        circles = _circles(feeds)
        kept = []
        for circle in circles:
            inside = [one for one in feeds if {one.flow, one.other} <= circle]
            done = {crossing for name in circle for crossing in causes[name]}
            all_effects = [effect for name in circle for effect in effects[name]]
            barred = {name for name in circle if _barred(flows[name], effects[name], all_effects, loaded.segments)}
            kept += [
                one
                for one in inside
                if (one.crossing is None or (not one.crossing[0], one.crossing[1]) in done)
                and not {one.flow, one.other} & barred
            ]
        if len(kept) == len(feeds):
            break
        feeds = kept
    for circle in _circles(feeds):
        _report(loaded, flows, circle, [one for one in feeds if {one.flow, one.other} <= circle], effects)


def _may_repeat(flow: NamedFlow) -> bool:
    spec = flow.spec
    bounded = spec.reentry == "never" or getattr(spec, "max_enrollments", None) is not None
    return not (bounded or spec.allow_loop or spec.status == "archived")


def _feeds(
    flows: Mapping[str, NamedFlow], name: str, effects: list[Effect], segments: Mapping[str, NamedSegment]
) -> Iterator[_Feeds]:
    for other, found in flows.items():
        for effect in effects:
            if effect.kind == "flow":
                if effect.name == other:
                    yield _Feeds(name, other, effect, None)
                continue
            for _, (enters, segment) in _crossings(found):
                if enters in segment_turns(segment, effect, segments):
                    yield _Feeds(name, other, effect, (enters, segment))


def _crossings(flow: NamedFlow) -> Iterator[tuple[int, Crossing]]:
    for index, one in enumerate(flow.spec.triggers()):
        segment = one.segment_read()
        if one.word in ("enters", "exits") and segment is not None:
            yield index, (one.word == "enters", segment)


def _barred(
    flow: NamedFlow, own: list[Effect], all_effects: list[Effect], segments: Mapping[str, NamedSegment]
) -> bool:
    """Whoever has been through the flow once cannot start it again: a step has made something that `where` or the
    segment needs untrue, and no flow of the circle makes it true."""
    needed: list[tuple[Any, bool]] = []
    if flow.spec.where is not None:
        needed += conjuncts(flow.spec.where, True, segments)
    crossings = [crossing for _, crossing in _crossings(flow)]
    if len(flow.spec.triggers()) == 1 and crossings:
        needed += segment_conjuncts(crossings[0][1], crossings[0][0], segments)
    for leaf, wanted in needed:
        spoilt = any(effect.sure and turns(leaf, effect, segments) == {not wanted} for effect in own)
        if spoilt and not any(wanted in turns(leaf, effect, segments) for effect in all_effects):
            return True
    return False


def _circles(feeds: list[_Feeds]) -> list[set[str]]:
    """The sets of flows that lead to each other (strongly connected), alphabetically by their first."""
    following: dict[str, set[str]] = {}
    for one in feeds:
        following.setdefault(one.flow, set()).add(one.other)
    reached = {name: _reach(name, following) for name in following}
    found: list[set[str]] = []
    for name in sorted(following):
        circle = {other for other in reached[name] if name in reached.get(other, set())}
        if name in circle and circle not in found:
            found.append(circle)
    return found


def _reach(name: str, following: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(following.get(name, ()))
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += following.get(one, ())
    return found


def _report(
    loaded: Loaded,
    flows: Mapping[str, NamedFlow],
    circle: set[str],
    feeds: list[_Feeds],
    effects: Mapping[str, list[Effect]],
) -> None:
    # A draft may be wrong: its problem stops nothing, and the others are right without it.
    drafts = sorted(name for name in circle if flows[name].file in loaded.drafts)
    first = drafts[0] if drafts else min(circle)
    way = _way(first, feeds)
    undoing = []
    shown = {one.crossing for one in way}
    for crossing in sorted(one for one in shown if one is not None):
        undone = (not crossing[0], crossing[1])
        if undone not in shown:
            by = next(
                (name, effect)
                for name in sorted(circle)
                for effect in effects[name]
                if undone[0] in segment_turns(undone[1], effect, loaded.segments)
            )
            undoing.append(f"; and, before that, {by[0]}: {by[1]} -> {_said(undone)}")
    start = way[-1].crossing
    loc: Loc = ("trigger",)
    if start is not None:
        index = next(index for index, crossing in _crossings(flows[first]) if crossing == start)
        word = "enters" if start[0] else "exits"
        several = isinstance(flows[first].spec.trigger, AnyTrigger)
        loc = ("trigger", "any", index, word) if several else ("trigger", word)
    begin = f"{_said(start)} -> " if start is not None else ""
    source = loaded.files[flows[first].file]
    chain = f"{begin}{' -> '.join(map(str, way))}{''.join(undoing)}"
    message = (
        f"this feeds itself: {chain}. Write reentry: never, or a where that whoever was here once does not meet; "
        "allow_loop: true if it is meant"
    )
    loaded.issues.append(source.issue(loc, message, key=True))


def _way(first: str, feeds: list[_Feeds]) -> list[_Feeds]:
    """A shortest way from `first` back to it."""
    ways: list[list[_Feeds]] = [[one] for one in feeds if one.flow == first]
    seen = {first}
    while True:
        longer: list[list[_Feeds]] = []
        for way in ways:
            if way[-1].other == first:
                return way
            if way[-1].other not in seen:
                seen.add(way[-1].other)
                longer += [[*way, one] for one in feeds if one.flow == way[-1].other]
        ways = longer


def _said(crossing: Crossing) -> str:
    return f"{'enters' if crossing[0] else 'exits'} {crossing[1]}"
