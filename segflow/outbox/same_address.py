"""One address, two contacts: what a flow plans in a tick goes to each address once.

Of the contacts that share it, the first by id gets it that can get it; the others are told whose address it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from segflow.outbox.address_turns import Turn
from segflow.outbox.addresses import comparable
from segflow.outbox.contents import ways_of
from segflow.outbox.records import ClaimedMessage
from segflow.outbox.store import DeliveryStore
from segflow.specs.limits import channels_of
from segflow.specs.project import Specs
from segflow.warehouse.base import Warehouse, relation

_PLAIN = r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+$"
"""Email addresses whose comparable form is themselves in lower case; any other is read one by one."""
_DONE = ("skipped", "failed", "dropped")
_GOT_IT = ("sent", "unknown")

Reaches = Callable[[ClaimedMessage], str | None]
"""The channel on which a message would go now; None: it is not sent."""


@dataclass
class _Group:
    """The messages of one flow and tick to one address on a channel, by contact: of more than one."""

    turn: Turn
    messages: dict[str, list[str]] = field(default_factory=dict)


class SharedAddresses:
    """Looks at the messages of a batch, and beside them at the others of their ticks."""

    def __init__(self, specs: Specs, warehouse: Warehouse, store: DeliveryStore) -> None:
        self._specs, self._warehouse, self._store = specs, warehouse, store
        self._ticks: set[str] = set()
        self._groups: dict[str, list[_Group]] = {}
        self._owner: dict[Turn, str] = {}
        self._open: list[_Group] = []
        self._beside: dict[str, tuple[ClaimedMessage, str]] = {}

    def look(self, batch: Sequence[ClaimedMessage]) -> list[ClaimedMessage]:
        """Find the addresses of a batch that others share. Returns the messages of these others, which `decide` is
        going to ask about."""
        new = {row.tick_id for row in batch if row.tick_id not in self._ticks and self._once(row.flow)}
        for tick_id in sorted(new):
            self._ticks.add(tick_id)
            self._find(tick_id)
        groups = {one.turn: one for row in batch for one in self._groups.get(row.message_id, ())}
        unknown = [turn for turn in groups if turn not in self._owner]
        if unknown:
            self._owner |= self._store.turns(unknown)
        self._open = [groups[turn] for turn in unknown if turn not in self._owner]
        wanted = {message for one in self._open for ids in one.messages.values() for message in ids}
        self._beside = {row.message_id: (row, status) for row, status in self._store.beside(wanted)} if wanted else {}
        return [row for row, _ in self._beside.values()]

    def decide(self, reaches: Reaches) -> None:
        """Say for each of these addresses who gets the messages, durably."""
        taken = {one.turn: contact for one in self._open if (contact := self._first(one, reaches)) is not None}
        if taken:
            self._owner |= self._store.take_turns(taken)
        self._open, self._beside = [], {}

    def whose(self, row: ClaimedMessage, channel: str) -> str | None:
        """The other contact that gets the message at this address; None: this one does."""
        for group in self._groups.get(row.message_id, ()):
            if group.turn[2] == channel:
                owner = self._owner.get(group.turn)
                return None if owner == row.contact_id else owner
        return None

    def _first(self, group: _Group, reaches: Reaches) -> str | None:
        for wanted in (_GOT_IT, None):
            for contact in sorted(group.messages):
                for message in group.messages[contact]:
                    row, status = self._beside.get(message, (None, "skipped"))
                    if row is None or status in _DONE:
                        continue
                    if status in wanted if wanted is not None else reaches(row) == group.turn[2]:
                        return contact
        return None

    def _once(self, flow: str) -> Sequence[str]:
        """The channels on which a flow writes to an address once."""
        found = self._specs.flows.get(flow)
        own = found.spec.once_per_address if found is not None else None
        return channels_of(self._specs.settings.delivery.once_per_address if own is None else own)

    def _find(self, tick_id: str) -> None:
        """Find the addresses that contacts share among the messages that a tick planned."""
        of_tick = exp.column("tick_id", "o").eq(exp.Literal.string(tick_id))
        outbox = relation("outbox").as_("o")
        names = ("flow", "step", "channel", "content")
        told = exp.select(*(exp.column(name, "o") for name in names)).distinct().from_(outbox).where(of_tick)
        steps: dict[str, set[tuple[str, str]]] = {}
        for row in self._warehouse.rows(told):
            once = self._once(row["flow"])
            for way in ways_of(row["channel"], row["content"]).ways:
                if way.channel in once and self._specs.catalog.contacts.channels.of(way.channel) is not None:
                    steps.setdefault(way.channel, set()).add((row["flow"], row["step"]))
        for channel, places in steps.items():
            self._find_on(tick_id, channel, places)

    def _find_on(self, tick_id: str, channel: str, places: set[tuple[str, str]]) -> None:
        spec = self._specs.catalog.contacts.channels.of(channel)
        assert spec is not None
        names = ("flow", "step", "contact_id", "message_id")
        joined = exp.column("contact_id", "o").eq(exp.column("contact_id", "c"))
        query = (
            exp.select(*(exp.column(name, "o") for name in names), exp.column(spec.address, "c").as_("address"))
            .from_(relation("outbox").as_("o"))
            .join(relation("contacts").as_("c"), on=joined)
            .where(
                exp.column("tick_id", "o").eq(exp.Literal.string(tick_id)),
                exp.column("flow", "o").isin(*sorted({flow for flow, _ in places})),
                exp.column(spec.address, "c").is_(exp.null()).not_(),
            )
        )
        found = self._warehouse.query(query)
        addresses = keys(channel, found["address"])
        table = found.drop_columns(["address"]).append_column("address", addresses)
        one_each = table.group_by(["flow", "address", "contact_id"]).aggregate([])
        counted = one_each.group_by(["flow", "address"]).aggregate([("contact_id", "count")])
        shared = counted.filter(pc.greater(counted["contact_id_count"], 1)).select(["flow", "address"])
        if not shared.num_rows:
            return
        groups: dict[Turn, _Group] = {}
        for row in table.join(shared, ["flow", "address"], join_type="inner").to_pylist():
            if (row["flow"], row["step"]) in places and row["address"]:
                turn = (row["flow"], tick_id, channel, hashlib.sha256(row["address"].encode()).hexdigest())
                group = groups.setdefault(turn, _Group(turn))
                group.messages.setdefault(row["contact_id"], []).append(row["message_id"])
        for group in groups.values():
            for message in [one for ids in group.messages.values() for one in ids] if len(group.messages) > 1 else ():
                self._groups.setdefault(message, []).append(group)


def keys(channel: str, addresses: pa.ChunkedArray) -> pa.ChunkedArray:
    """The comparable form of each address."""
    trimmed = pc.utf8_trim_whitespace(addresses.cast(pa.string()))
    if channel != "email":
        return _one_by_one(channel, trimmed)
    lower = pc.utf8_lower(trimmed)
    plain = pc.and_(pc.match_substring_regex(trimmed, _PLAIN), pc.invert(pc.match_substring(lower, "xn--")))
    return lower if pc.all(plain).as_py() else pc.if_else(plain, lower, _one_by_one(channel, trimmed, but=plain))


def _one_by_one(channel: str, addresses: pa.ChunkedArray, but: Any = None) -> pa.ChunkedArray:
    texts = pc.if_else(but, None, addresses) if but is not None else addresses
    known: Mapping[str | None, str | None] = {
        text: comparable(channel, text) if text else text for text in pc.unique(texts).to_pylist()
    }
    return pa.chunked_array([pa.array([known[text] for text in texts.to_pylist()], pa.string())])
