"""A condition as it is written, with a place for each part of it, and what follows from which leaves hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from segflow.segments.facts import hoist
from segflow.segments.nodes import Member, Node
from segflow.segments.resolve import Resolver
from segflow.segments.sentence import own_words
from segflow.segments.simplify import simplify
from segflow.specs import conditions as c
from segflow.specs.project import Specs
from segflow.specs.segment import SegmentSpec

Truth = Mapping[str, Any]
"""The key of each leaf -> does it hold?"""


@dataclass(frozen=True)
class Place:
    """A part of a condition. A leaf has a `node` and a `key` of its own; what it is about may have `inside`: the
    condition of the segment that it refers to."""

    words: str
    kind: Literal["all", "any", "none", "not", "leaf"]
    below: list[Place] = field(default_factory=list)
    node: Node | None = None
    key: str = ""
    segment: str | None = None
    inside: Place | None = None
    query: str | None = None
    """The `.sql` segment whose query it is."""

    def queries(self) -> set[str]:
        """The `.sql` segments whose queries are shown."""
        return {leaf.query for leaf in self.leaves() if leaf.query is not None}

    def holds(self, truth: Truth) -> bool:
        """Does it hold, given which leaves do?"""
        if self.kind == "leaf":
            return bool(truth[self.key])
        found = (place.holds(truth) for place in self.below)
        if self.kind == "all":
            return all(found)
        return any(found) if self.kind == "any" else not any(found)

    def leaves(self) -> Iterator[Place]:
        """Its leaves, those inside other segments included."""
        if self.kind == "leaf":
            yield self
        for place in [*self.below, *([self.inside] if self.inside else [])]:
            yield from place.leaves()

    def own_leaves(self) -> Iterator[Place]:
        """The leaves that decide it."""
        if self.kind == "leaf":
            yield self
        for place in self.below:
            yield from place.own_leaves()

    def in_the_way(self, truth: Truth, wanted: bool = True) -> list[Place]:
        """A smallest set of leaves that would have to change for it to be `wanted`."""
        if self.holds(truth) == wanted:
            return []
        if self.kind == "leaf":
            return [self]
        positive = wanted if self.kind in ("all", "any") else not wanted
        found = [place.in_the_way(truth, positive) for place in self.below]
        every = wanted if self.kind != "any" else not wanted
        return [leaf for leaves in found for leaf in leaves] if every else min(found, key=len)


def place_of(specs: Specs, segment: str, resolver: Resolver) -> Place:
    """The condition of a segment; the query of a `.sql` segment is one leaf. Segments that it refers to have their
    conditions `inside`, one level deep."""
    return _Maker(specs, resolver).segment(segment, "", deeper=True)


@dataclass
class _Maker:
    specs: Specs
    resolver: Resolver
    made: int = 0

    def segment(self, name: str, words: str, deeper: bool) -> Place:
        spec = self.specs.segments[name].spec
        if isinstance(spec, SegmentSpec):
            return self.condition(spec.where, deeper)
        file = self.specs.segments[name].file
        leaf = self._leaf(words or f"found by the query of {file}", Member(name))
        return replace(leaf, query=name)

    def condition(self, spec: Any, deeper: bool) -> Place:
        words = own_words(spec, self.specs.catalog.event_texts())
        match spec:
            case c.All():
                return Place(words, "all", [self.condition(item, deeper) for item in spec.all])
            case c.Any_():
                return Place(words, "any", [self.condition(item, deeper) for item in spec.any])
            case c.None_():
                return Place(words, "none", [self.condition(item, deeper) for item in spec.none])
            case c.Not():
                return Place(words, "not", [self.condition(spec.not_, deeper)])
            case c.SegmentCondition():
                inside = self.segment(spec.segment, "", deeper=False) if deeper else None
                return self._leaf(words, Member(spec.segment), spec.segment, inside)
        return self._leaf(words, hoist(simplify(self.resolver.condition(spec))))

    def _leaf(self, words: str, node: Node, segment: str | None = None, inside: Place | None = None) -> Place:
        self.made += 1
        return Place(words, "leaf", node=node, key=f"leaf {self.made}", segment=segment, inside=inside)
