"""Who is on the list of a topic, as the tick's facts say and the steps of its flows have changed since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from sqlglot import exp

from segflow.segments.facts import FactColumn
from segflow.segments.nodes import Fact
from segflow.segments.topics import fact_of, topic_facts
from segflow.specs.project import Specs
from segflow.warehouse.base import Warehouse, relation

Standing = Literal["subscribed", "pending", "unsubscribed", "off", "unreadable"]
"""unsubscribed: on the list, with neither of the words before; off: not on it; unreadable: nobody can say."""


class TopicLists:
    """Looks at the contacts of a batch. `columns`: where the facts are (see `Compiled`)."""

    def __init__(self, specs: Specs, columns: Mapping[Fact, FactColumn]) -> None:
        self._specs, self._columns = specs, columns
        self._topics = topic_facts(specs)
        self._found: dict[tuple[str, str], Standing] = {}
        self._unreadable: set[str] = set()

    def look(self, warehouse: Warehouse, contacts: exp.Select, tick_id: str) -> None:
        """Load how the contacts of query `contacts` stand. Two queries, whatever the number of topics; none without
        topics that have a list. `tick_id`: whose facts these are, where there are none."""
        self._found, self._unreadable = {}, set()
        if not self._topics:
            return
        model = fact_of(next(iter(self._topics.values())).on_list).model
        built = self._built(warehouse, model)
        readable = {
            topic: [self._columns[fact_of(node)].column for node in found.nodes()]
            for topic, found in self._topics.items()
            if all(fact_of(node) in self._columns and self._columns[fact_of(node)].column in built
                   for node in found.nodes())
        }  # fmt: skip
        self._unreadable = set(self._topics) - set(readable)
        if not readable:
            return
        names = sorted({name for columns in readable.values() for name in columns})
        asked = exp.select("contact_id", *names).from_(relation(model))
        for row in warehouse.rows(asked.where(exp.column("contact_id").isin(query=contacts))):
            for topic, columns in readable.items():
                self._found[topic, row["contact_id"]] = _standing([row[name] for name in columns])
        since = warehouse.scalar(exp.select(exp.Max(this=exp.column("tick_id"))).from_(relation(model))) or tick_id
        self._change(warehouse, contacts, str(since))

    def _built(self, warehouse: Warehouse, model: str) -> set[str]:
        """The columns that the last build could make."""
        found = warehouse.attempt(exp.select("*").from_(relation(model)).limit(0))
        return set() if isinstance(found, str) else set(found.column_names)

    def _change(self, warehouse: Warehouse, contacts: exp.Select, since: str) -> None:
        """What steps of flows did after the facts were built: who is added stands as before, if it stood there."""
        topics: dict[str, list[str]] = {}
        for topic in self._topics:
            topics.setdefault(str(self._specs.catalog.topics[topic].list), []).append(topic)
        changes = exp.select("contact_id", "name", "value").from_(relation("contact_updates"))
        changes = changes.where(
            exp.column("kind").eq(exp.Literal.string("list")),
            exp.column("name").isin(*topics),
            exp.column("tick_id") >= exp.Literal.string(since),
            exp.column("contact_id").isin(query=contacts.copy()),
        )
        for row in warehouse.rows(changes.order_by("tick_id", "hop")):
            for topic in topics[row["name"]]:
                key = (topic, row["contact_id"])
                if row["value"] != "add":
                    self._found[key] = "off"
                elif self._found.get(key, "off") == "off":
                    self._found[key] = "subscribed"

    def standing(self, topic: str, contact: str) -> Standing:
        """How a contact of the batch stands on the list of a topic that has one."""
        return "unreadable" if topic in self._unreadable else self._found.get((topic, contact), "off")


def _standing(found: list[bool | None]) -> Standing:
    """From the facts of `TopicFacts.nodes`."""
    on_list, *stands = found
    if not on_list:
        return "off"
    if not stands or stands[0]:
        return "subscribed"
    return "pending" if stands[1] else "unsubscribed"
