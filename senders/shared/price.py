"""What text messages cost, as the settings of their sender say it."""

from __future__ import annotations

import re
from decimal import Decimal

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from segflow.senders.base import SenderSettings
from segflow.spec_model import Number

_CURRENCY = re.compile(r"[A-Z]{3}")


class PricedSms(SenderSettings):
    """Settings of what sends SMS: what a part costs."""

    price_per_part: Number | None = None
    """What one part of an SMS costs, as you are billed; only shown."""
    currency: str | None = None
    """Of `price_per_part`, like EUR."""

    @model_validator(mode="after")
    def _price(self) -> PricedSms:
        if (self.price_per_part is None) != (self.currency is None):
            raise PydanticCustomError("price", "price_per_part and currency go together")
        if self.price_per_part is not None and not 0 <= self.price_per_part < 1000:
            raise PydanticCustomError("price", "price_per_part: is a price of one part, between 0 and 1000")
        if self.currency is not None and not _CURRENCY.fullmatch(self.currency):
            raise PydanticCustomError("price", "currency: write three capital letters, like EUR")
        return self

    def cost(self, parts: int) -> str | None:
        if self.price_per_part is None:
            return None
        # By its text: 0.0079 is not quite that as a float.
        return f"{(Decimal(str(self.price_per_part)) * parts).normalize():f} {self.currency}"
