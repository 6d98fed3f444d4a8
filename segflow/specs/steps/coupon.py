"""`coupon`: one code of a pool for the contact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import model_validator

from segflow.specs.spec_file import Loc
from segflow.specs.steps.base import Checks, Row, Step
from segflow.specs.types import Identifier, SpecModel


class Coupon(SpecModel):
    """`coupon: spring` is short for `coupon: {pool: spring}`. Later texts have the code as `{{ coupons.STEP_ID }}`."""

    short_form = ("the name of a pool", {"type": "string", "pattern": "^[a-z][a-z0-9_]*$"})

    pool: Identifier
    """`segflow coupons add POOL FILE` fills it."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"pool": value} if isinstance(value, str) else value


class CouponStep(Step):
    key = "coupon"
    order = 50

    coupon: Coupon
    on_failure: Literal["continue", "end"] = "continue"
    """`end`: the enrollment ends when the pool is empty."""

    def check(self, checks: Checks, loc: Loc) -> None:
        at = (*loc, "coupon", "pool")
        checks.coupon_pool(self.coupon.pool, at if checks.written(at) else at[:-1])

    def row(self) -> Row:
        return Row(coupon=self.coupon.pool)

    def words(self) -> str:
        return f"coupon of {self.coupon.pool}"

    @classmethod
    def suggested_id(cls, body: Any) -> Sequence[Any]:
        pool = body.get("pool") if isinstance(body, dict) else body
        return ("coupon", pool) if isinstance(pool, str) else (cls.key,)
