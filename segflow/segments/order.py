"""Pass 4: in which order segments can be evaluated when some refer to others."""

from __future__ import annotations

from collections.abc import Mapping

from segflow.segments.nodes import Member, Node


def references(node: Node) -> set[str]:
    """The segments that a condition refers to directly."""
    return {below.segment for below in node.walk() if isinstance(below, Member)}


def levels(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Group the keys of `graph` (segment -> segments it needs) so that each group needs only earlier ones.

    References to segments outside of `graph` are ignored. Cycles were refused when specs were loaded.
    """
    depth: dict[str, int] = {}

    def visit(name: str) -> int:
        if name not in depth:
            depth[name] = -1
            depth[name] = 1 + max((visit(other) for other in graph[name] if other in graph), default=-1)
        return depth[name]

    grouped: dict[int, list[str]] = {}
    for name in sorted(graph):
        grouped.setdefault(visit(name), []).append(name)
    return [grouped[level] for level in sorted(grouped)]


def closure(name: str, graph: Mapping[str, set[str]]) -> list[str]:
    """The segments that `name` needs, directly or through others, needed ones first; `name` itself is last."""
    found: list[str] = []

    def visit(current: str) -> None:
        for other in sorted(graph.get(current, set())):
            if other not in found and other != name:
                visit(other)
        if current not in found:
            found.append(current)

    visit(name)
    return found
