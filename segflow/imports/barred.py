"""Whom an import must not bring back: the contacts that flows have deleted, under their id or their address."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from segflow.crossings.deleted import tombstones
from segflow.outbox.suppressions import DELETED
from segflow.workspace import Workspace

_WHY = "is the address of a contact that a flow has deleted; segflow suppressions remove {channel} ADDRESS lets it in"


@dataclass(frozen=True)
class Barred:
    """`contacts`: id -> why. `reached_at` says which addresses of a channel are barred."""

    contacts: Mapping[str, str] = field(default_factory=dict)
    reached_at: Callable[[str, Collection[str]], Mapping[str, str]] = lambda *_: {}

    def addresses(self, channel: str, given: Collection[str]) -> dict[str, str]:
        """Address -> why it is barred."""
        reasons = self.reached_at(channel, given) if given else {}
        return {one: _WHY.format(channel=channel) for one, reason in reasons.items() if reason == DELETED}


def barred_from(project: Workspace) -> Barred:
    """Whom the next import must not bring back. Who is to be restored is not among them."""
    store = project.store
    found = {}
    if project.engine.exists():
        with project.warehouse() as warehouse:
            warehouse.ensure_tables()
            stones = tombstones(warehouse)
        restored = {row["contact_id"] for row in store.restores.waiting()} if stones else set()
        found = {
            one.contact_id: f"{one}; segflow contact restore {one.contact_id} lets it in"
            for one in stones
            if one.contact_id not in restored
        }
    return Barred(found, store.suppressed)
