"""The delivery store as a rehearsal sees it: what waits for the next tick is shown, and nothing is taken or booked.

It has what the stages up to `advance` ask of a store, and no more: anything else fails, so that nothing can slip
through to the real one. `store` is None where there is none yet.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Generic, TypeVar

from segflow.outbox.coupons import Claim
from segflow.outbox.decisions import Kind
from segflow.outbox.hashes import hashed
from segflow.outbox.pauses import Pause
from segflow.outbox.provider_events import Answer, Taken
from segflow.outbox.retriggers import Enroll, Orders, Retrigger
from segflow.outbox.store import DeliveryStore

R = TypeVar("R", bound=Retrigger)


class RehearsedStore:
    """Stands in for `DeliveryStore`."""

    def __init__(self, store: DeliveryStore | None) -> None:
        self._store = store
        self.decisions = _Decisions(store)
        self.retriggers: _Orders[Retrigger] = _Orders(store.retriggers if store is not None else None)
        self.enrolls: _Orders[Enroll] = _Orders(store.enrolls if store is not None else None)
        self.pauses, self.removals = _Pauses(store), _Removals(store)
        self.leases, self.message_events = _Leases(), _MessageEvents(store)
        self.provider_events = _ProviderEvents(self.message_events)
        self.consent_changes = _ConsentChanges(store)
        self.imports, self.coupons, self.restores = _Imports(store), _Coupons(store), _Restores(store)

    def adopt_decisions(self, *_: object) -> None:
        pass

    def set_mark(self, *_: object) -> None:
        pass

    def suppress_deleted(self, *_: object) -> None:
        pass

    def mark(self, name: str) -> str | None:
        return self._store.mark(name) if self._store is not None else None

    def settled_since(self, tick_id: str | None) -> dict[str, int]:
        return self._store.settled_since(tick_id) if self._store is not None else {}

    def attempts_of(self, tick_id: str) -> list[dict[str, Any]]:
        return self._store.attempts_of(tick_id) if self._store is not None else []

    def all_suppressions(self) -> list[dict[str, Any]]:
        return self._store.all_suppressions() if self._store is not None else []

    def hash_address(self, channel: str, address: str) -> str:
        return hashed(channel, address, "")


class _Part:
    def __init__(self, store: DeliveryStore | None) -> None:
        self._store = store

    def book(self, *_: object) -> None:
        pass


class _Decisions(_Part):
    def released(self, kind: Kind, tick_id: str) -> set[str]:
        return self._store.decisions.released(kind, tick_id) if self._store is not None else set()

    def used(self, _: str) -> list[dict[str, Any]]:
        return []


class _Orders(Generic[R]):
    def __init__(self, orders: Orders[R] | None) -> None:
        self._orders = orders

    def waiting(self, tick_id: str) -> list[R]:
        return self._orders.waiting(tick_id) if self._orders is not None else []

    def book(self, *_: object) -> None:
        pass


class _Pauses(_Part):
    def now(self) -> dict[str, Pause]:
        return self._store.pauses.now() if self._store is not None else {}

    def unbooked(self) -> list[str]:
        return []


class _Removals(_Part):
    def waiting(self, tick_id: str) -> list[dict[str, Any]]:
        return self._store.removals.waiting(tick_id) if self._store is not None else []


class _Restores(_Part):
    def waiting(self, tick_id: str) -> list[dict[str, Any]]:
        return self._store.restores.waiting(tick_id) if self._store is not None else []


class _MessageEvents(_Part):
    def __init__(self, store: DeliveryStore | None) -> None:
        super().__init__(store)
        self.told: list[Answer] = []
        """What the rehearsed tick took in itself."""

    def adopt(self, *_: object) -> list[dict[str, Any]]:
        if self._store is None:
            return []
        return self._store.message_events.waiting() + self._store.provider_events.preview(self.told)


class _ProviderEvents:
    def __init__(self, message_events: _MessageEvents) -> None:
        self._message_events = message_events

    def match(self, *_: object) -> Taken:
        return Taken()

    def take(self, _: object, answers: Sequence[Answer]) -> Taken:
        self._message_events.told += answers
        return Taken(new=len(answers))


class _ConsentChanges(_Part):
    def adopt(self, *_: object) -> list[dict[str, Any]]:
        return self._store.consent_changes.waiting() if self._store is not None else []


class _Imports(_Part):
    def adopt(self, *_: object) -> list[dict[str, Any]]:
        return self._store.imports.waiting() if self._store is not None else []


class _Coupons(_Part):
    def claim(self, _lease: object, _tick_id: str, claims: Collection[Claim]) -> dict[str, str]:
        return self._store.coupons.preview(claims) if self._store is not None else {}


class _Leases:
    def check(self, *_: object) -> None:
        pass
