"""Stage 4: all flows move, and messages are planned."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from segflow.crossings.cross import not_compared
from segflow.errors import SegflowError
from segflow.flows import advance as flows
from segflow.flows.effects import claim_ids
from segflow.flows.from_store import FromStore
from segflow.outbox.coupons import Claim
from segflow.outbox.deliveries import as_table
from segflow.outbox.store import DeliveryStore
from segflow.stages.build import build_if_edited
from segflow.stages.tick_run import TickRun


def advance(run: TickRun) -> None:
    """Move the flows and plan messages."""
    build_if_edited(run)
    try:
        _advance(run, {})
    except SegflowError:
        raise
    except Exception:
        # Conditions about an enrollment read rows of the user's models themselves, and some rows fail only when they
        # are read. Which flow asked for them is looked at now, because looking each time would cost another scan.
        with run.open() as context:
            unreadable = flows.unreadable(context)
        if not unreadable:
            raise
        _advance(run, unreadable)


def paused_flows(store: DeliveryStore) -> dict[str, str]:
    """The flows that people have paused, with who and why."""
    return {flow: str(pause) for flow, pause in store.pauses.now().items()}


def _advance(run: TickRun, unreadable: dict[str, str]) -> None:
    faults = run.faults()
    store = run.project.store
    released = store.decisions.released("flow", run.row.tick_id)
    retriggers, enrolls = store.retriggers.waiting(run.row.tick_id), store.enrolls.waiting(run.row.tick_id)
    removed = store.removals.waiting(run.row.tick_id)
    switched = store.pauses.unbooked()

    def claim(claims: Collection[Claim]) -> dict[str, str]:
        return store.coupons.claim(run.lease, run.row.tick_id, claims)

    told = FromStore(released, [*retriggers, *enrolls], paused_flows(store), removed, claim, hasher=store.hash_address)
    with run.commit("advance") as context:
        words = dataclasses.replace(faults, segments=not_compared(context, faults.segments))
        held = flows.advance(context, words, told, unreadable)
        store.coupons.book(run.lease, run.row.tick_id, claim_ids(context))
        run.book("flow", released, held)
        if retriggers:
            used = [one.id for one in retriggers if one.flow not in held]
            store.retriggers.book(run.lease, run.row.tick_id, used)
        if enrolls:
            store.enrolls.book(run.lease, run.row.tick_id, [one.id for one in enrolls if one.flow not in held])
        if removed:
            store.removals.book(run.lease, run.row.tick_id, [one["id"] for one in removed])
            context.warehouse.append("flow_removals", run.row.tick_id, as_table("flow_removals", removed))
        store.pauses.book(run.lease, run.row.tick_id, switched)
        # The last stage that uses decisions copies those of all stages.
        decided = as_table("decisions", store.decisions.used(run.row.tick_id))
        context.warehouse.append("decisions", run.row.tick_id, decided)
