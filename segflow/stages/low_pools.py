"""Coupon pools that will be empty soon."""

from __future__ import annotations

from segflow.outbox.store import DeliveryStore
from segflow.specs.coupons import WARN_BELOW
from segflow.specs.project import Specs


def low_pools(specs: Specs, store: DeliveryStore) -> list[str]:
    """A warning for each pool that active flows take codes from and that has fewer than it is to have."""
    pools = {
        pool
        for flow in specs.flows.values()
        for step in flow.spec.walk()
        if flow.spec.status == "active" and (pool := step.row().coupon) is not None
    }
    if not pools:
        return []
    left = {one.pool: one.left for one in store.coupons.pools()}
    named = specs.settings.coupons
    found = []
    for pool in sorted(pools):
        bound = named[pool].warn_below if pool in named else WARN_BELOW
        if left.get(pool, 0) < bound:
            found.append(
                f"coupon pool {pool} has {left.get(pool, 0):,} codes left, which is less than {bound:,}: "
                f"segflow coupons add {pool} FILE"
            )
    return found
