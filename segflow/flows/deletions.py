"""`delete_contact`: what becomes of whom a step deletes, beside its own enrollment, which that step ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

import pyarrow as pa
from sqlglot import exp

from segflow.flows.work import Work, all_of
from segflow.messages import CONTACT_CHANNELS
from segflow.segments.compiler import CONTACTS, Compiled
from segflow.segments.deletions import DELETIONS
from segflow.segments.sql import col
from segflow.ticks.context import Faults
from segflow.warehouse.base import relation

Hasher = Callable[[str, str], str]
"""(channel, address) -> its hash."""
_STEPS = pa.schema([("flow", pa.string()), ("step", pa.string())])
_ADDRESSES = pa.schema([("contact_id", pa.string()), ("addresses", pa.string())])


class Deletions(Work):
    """Nothing of it runs in a project without such a step."""

    hasher: Hasher | None = None
    deleting = False

    def _stage_deleting(self) -> None:
        """Stage which steps delete."""
        steps = [
            {"flow": flow, "step": step.id}
            for flow, named in self.compiled.specs.flows.items()
            for step in named.spec.walk()
            if step.row().deletes
        ]
        self.deletes = bool(steps)
        if steps:
            self.warehouse.stage("deleting_steps", pa.Table.from_pylist(steps, schema=_STEPS))

    def _delete(self) -> None:
        """After all steps: end all that those stand in whom this tick deletes."""
        self.deleting = False
        if not self.deletes:
            return
        w = self.warehouse
        w.stage("deleting", self._query("deleting"), about=self.number)
        self.deleting = self._count("temp.deleting") > 0
        if self.deleting:
            w.stage("ended", all_of("ended", self._query("ended_by_deletion")), about=self.number)
            self._tell_positions()
            w.stage("waiting", self._query("waiting_without_deleted"))

    def _less_deleted(self, placed: exp.Query) -> exp.Query:
        """Places less those of deleted contacts."""
        if not self.deleting:
            return placed
        query = self._query("placed_without_ended")
        query.ctes[0].set("this", placed)
        return query

    def _record_deletions(self) -> None:
        if self.deletes:
            self.warehouse.stage("deleted_addresses", self._addresses())
            self.warehouse.append(DELETIONS, self.tick_id, self._query("deletions"))

    def _addresses(self) -> pa.Table:
        """contact -> the hashes of its addresses by channel, as JSON."""
        channels = self.compiled.specs.catalog.contacts.channels
        found: dict[str, str] = {
            name: spec.address for name in CONTACT_CHANNELS if (spec := channels.of(name)) is not None
        }
        if not found or self.hasher is None or not self.deleting:
            return _ADDRESSES.empty_table()
        asked = exp.select(col("contact_id"), *(col(name) for name in sorted(set(found.values()))))
        mine = exp.select("contact_id").from_("temp.deleting")
        rows = self.warehouse.rows(asked.from_(relation(CONTACTS)).where(col("contact_id").isin(query=mine)))
        told = [
            {"contact_id": row["contact_id"], "addresses": json.dumps(hashes, sort_keys=True)}
            for row in rows
            if (hashes := self._hashes(row, found))
        ]
        return pa.Table.from_pylist(told, schema=_ADDRESSES)

    def _hashes(self, row: Mapping[str, Any], channels: Mapping[str, str]) -> dict[str, str]:
        assert self.hasher is not None
        given = {channel: str(row[name] or "").strip() for channel, name in channels.items()}
        return {channel: self.hasher(channel, address) for channel, address in given.items() if address}


def unknown_addresses(compiled: Compiled, faults: Faults, active: Collection[str]) -> dict[str, str]:
    """Flow of `active` -> why it cannot delete in this tick: it is not known where contacts are reached, so that
    nothing would keep them from being written to."""
    channels = compiled.specs.catalog.contacts.channels
    parts = [f"{CONTACTS}.{spec.address}" for name in CONTACT_CHANNELS if (spec := channels.of(name)) is not None]
    broken = [part for part in parts if part in faults.parts]
    if not broken:
        return {}
    specs = compiled.specs.flows
    deleting = [flow for flow in active if any(step.row().deletes for step in specs[flow].spec.walk())]
    return dict.fromkeys(deleting, f"{broken[0]}: {faults.parts[broken[0]]}")
