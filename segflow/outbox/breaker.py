"""When to leave a sender alone, and for how long."""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from segflow.errors import PermanentError, TransientError
from segflow.messages import Receipt

STRIKES = 5
"""So many transient errors in a row, and the sender is left alone for a while: the provider is down."""
MAX_BACKOFF = 6 * 3600.0
JITTER = 0.5
"""Up to this share of a delay is added, so that what failed together does not come back together."""
SHORTEST_REST, LONGEST_REST = 60.0, 3600.0
MARK = "breaker:"


def backoff(attempt: int) -> float:
    """Seconds to wait after a transient failure of attempt 1, 2, ...: 5 s, 1 min, 12 min, 2.4 h, then 6 h each."""
    return float(min(5 * 12 ** (min(attempt, 10) - 1), MAX_BACKOFF))


def spread(seconds: float, message_id: str, attempt: int) -> float:
    """A delay, longer by up to half of it: another one for each message and attempt, the same whenever it is asked."""
    return seconds * (1 + JITTER * zlib.crc32(f"{message_id}/{attempt}".encode()) / 0xFFFFFFFF)


class Strikes:
    """Counts transient and ambiguous errors in a row, over all connections of a sender."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.row = 0
        self.reason = ""
        """What the last one said."""

    @property
    def out(self) -> bool:
        """Too many: nothing more is handed over."""
        return self.row >= STRIKES

    def count(self, told: Receipt | Exception) -> None:
        """Take in what became of a message."""
        with self._lock:
            if isinstance(told, Receipt | PermanentError):
                self.row = 0
            elif not (isinstance(told, TransientError) and told.of_message):
                self.row += 1
                self.reason = str(told)

    def forget(self, *, but: int = 0) -> None:
        """Start again; with `but` as if there had been so many already."""
        with self._lock:
            self.row = but


@dataclass(frozen=True, kw_only=True)
class Rest:
    """A sender that is left alone until `until`. `times` counts the rests since it last took a message."""

    until: datetime
    times: int
    reason: str

    @classmethod
    def after(cls, before: Rest | None, now: datetime, reason: str, retry_after: float = 0.0) -> Rest:
        """The next one: a minute, then twice as long each time, up to an hour."""
        times = 1 + (before.times if before is not None else 0)
        seconds = min(SHORTEST_REST * 2 ** (min(times, 10) - 1), LONGEST_REST)
        return cls(until=now + timedelta(seconds=max(seconds, retry_after)), times=times, reason=reason)

    def __str__(self) -> str:
        until = f"{self.until:%Y-%m-%d %H:%M:%S} UTC"
        return f"left alone until {until} after {STRIKES} transient errors in a row: {self.reason}"

    def dump(self) -> str:
        """As the store keeps it."""
        return json.dumps({"until": self.until.isoformat(), "times": self.times, "reason": self.reason})

    @classmethod
    def all_of(cls, marks: Mapping[str, str], now: datetime) -> dict[str, Rest]:
        """sender -> its rest, of those that are left alone at `now`; `marks`: sender -> what `dump` wrote."""
        found = {name: cls.load(text) for name, text in marks.items()}
        return {name: rest for name, rest in found.items() if rest.until > now}

    @classmethod
    def load(cls, text: str) -> Rest:
        """What `dump` wrote."""
        told = json.loads(text)
        return cls(until=datetime.fromisoformat(told["until"]), times=int(told["times"]), reason=str(told["reason"]))
