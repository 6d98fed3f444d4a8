"""Topics whose subscribers are a list: the facts that say who is on it, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from segflow.segments.facts import hoist
from segflow.segments.nodes import Compare, Fact, Node
from segflow.segments.resolve import Resolver
from segflow.segments.simplify import simplify
from segflow.specs.conditions import ListCondition
from segflow.specs.project import Specs


@dataclass(frozen=True)
class TopicFacts:
    """Conditions about one topic's list, each of which compares one fact."""

    on_list: Node
    subscribed: Node | None
    """On it and subscribed; this and `pending` None: lists have no status."""
    pending: Node | None

    def nodes(self) -> list[Node]:
        return [node for node in (self.on_list, self.subscribed, self.pending) if node is not None]


def topic_facts(specs: Specs) -> Mapping[str, TopicFacts]:
    """Topic -> what is to be known of its list, for those that have one."""
    catalog = specs.catalog
    if all(topic.list is None for topic in catalog.topics.values()):
        return {}
    resolver = Resolver.of(specs)

    def node(**asked: str) -> Node:
        return hoist(simplify(resolver.condition(ListCondition.model_validate(asked))))

    stands = catalog.lists.status is not None
    return {
        name: TopicFacts(
            node(list=topic.list),
            node(list=topic.list, status="subscribed") if stands else None,
            node(list=topic.list, status="pending") if stands else None,
        )
        for name, topic in catalog.topics.items()
        if topic.list is not None
    }


def fact_of(node: Node) -> Fact:
    """The fact that a condition of `TopicFacts` compares."""
    assert isinstance(node, Compare)
    assert isinstance(node.subject, Fact)
    return node.subject
