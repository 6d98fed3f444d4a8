"""May a contact get this message? By category, channel and topic: what it said last, what its attributes say, and what
holds for who said nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from segflow.outbox.consent_changes import ConsentChange
from segflow.outbox.store import DeliveryStore
from segflow.outbox.topic_lists import TopicLists
from segflow.specs.project import Specs

CONFIRMED = "confirmed"
"""What a text that says how a double opt-in stands must say. A date or a time is when it was confirmed."""


class Consents:
    """Looks at the contacts of a batch."""

    def __init__(self, specs: Specs, store: DeliveryStore, lists: TopicLists | None = None) -> None:
        """`lists`: who is on the lists of topics, of the same batch; None: nobody can say."""
        self._specs, self._store, self._lists = specs, store, lists
        self._said: Mapping[str, Sequence[ConsentChange]] = {}

    def look(self, contacts: Collection[str]) -> None:
        """Load what these contacts said. One query."""
        self._said = self._store.consent_changes.of(contacts)

    def refusal(
        self, contact: Mapping[str, Any], channel: str, category: str, topic: str | None, flow: str
    ) -> str | None:
        """Why a message of this channel, category and topic (None: the flow's, if it has one) is not sent; None: it may
        be."""
        spec = self._specs.catalog.contacts.channels.of(channel)
        said = self._said.get(contact["contact_id"], ())
        last = next((one for one in said if one.topic is None and _about(one, channel, category)), None)
        if last is not None and last.state == "opted_out":
            return f"no_consent: opted out at {last.source}"
        attribute = spec.consent_for(category) if spec is not None else None
        if last is None and attribute is not None and contact.get(attribute) is not True:
            return "no_consent"
        proof = spec.double_opt_in if spec is not None and category == "marketing" else None
        if proof is not None and not _confirmed(contact.get(proof)):
            return "not_confirmed"
        if topic is None:
            found = self._specs.flows.get(flow)
            topic = found.spec.topic if found is not None else None
        return self._against_topic(contact, said, topic, channel) if topic is not None else None

    def _against_topic(
        self, contact: Mapping[str, Any], said: Sequence[ConsentChange], topic: str, channel: str
    ) -> str | None:
        no = f"no_consent: topic {topic}"
        last = next((one for one in said if one.topic == topic and one.channel in (None, channel)), None)
        if last is not None:
            return None if last.state == "opted_in" else no
        spec = self._specs.catalog.topics.get(topic)
        if spec is None:
            return no  # it was taken out of the catalog after the message was planned: nobody can have agreed
        if spec.list is not None:
            standing = self._lists.standing(topic, contact["contact_id"]) if self._lists is not None else "unreadable"
            return {
                "subscribed": None,
                "pending": f"not_confirmed: topic {topic}",
                "unreadable": f"{no}: list {spec.list} cannot be read",
            }.get(standing, no)
        value = contact.get(spec.attribute) if spec.attribute is not None else None
        wants = value if isinstance(value, bool) else spec.default == "opted_in"
        return None if wants else no


def _about(one: ConsentChange, channel: str, category: str) -> bool:
    return one.channel in (None, channel) and one.category in (None, category)


def _confirmed(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().casefold() == CONFIRMED
    return value is not None and value is not False
