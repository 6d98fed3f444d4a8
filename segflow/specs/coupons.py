"""`coupons` in segflow.yml: the pools that coupon steps take their codes from."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from segflow.specs.types import SpecModel

WARN_BELOW = 100


class CouponPool(SpecModel):
    """A pool of codes; `segflow coupons add POOL FILE` fills it."""

    warn_below: Annotated[int, Field(ge=0)] = WARN_BELOW
    """A tick says so when fewer codes are left than this."""
