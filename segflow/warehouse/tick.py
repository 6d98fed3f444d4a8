"""A tick by its id and its time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Tick:
    """`as_of` is aware, in UTC. Tick ids sort in the order of the ticks."""

    tick_id: str
    as_of: datetime
