"""How many messages a provider may get in a time, over all connections of a sender."""

from __future__ import annotations

from collections.abc import Sequence

from pyrate_limiter import InMemoryBucket, Rate, RateItem


class RateLimit:
    """`number` messages in any `seconds`. Times are in seconds, by a clock of the caller's that never goes back."""

    def __init__(self, number: int, seconds: int, sent: Sequence[float] = ()) -> None:
        """`sent`: when messages went lately that count, the first one first, by the same clock."""
        self.number, self.seconds = number, seconds
        # The bucket and not the library's Limiter: that waits by itself, where nobody looks at stops and the lease.
        self._bucket = InMemoryBucket([Rate(number, seconds * 1000)])
        for moment in sent:
            self._bucket.put_decision(RateItem("message", int(moment * 1000)))

    def take(self, wanted: int, now: float) -> tuple[int, float]:
        """How many of the `wanted` messages may go now, which counts as sent; and seconds until one more may."""
        moment = int(now * 1000)
        self._bucket.leak(moment)
        for taken in range(wanted):
            # What it decides is an object that is always true; whether it lets pass is one of its properties.
            decision = self._bucket.put_decision(RateItem("message", moment))
            if not decision.allowed:  # type: ignore[union-attr]
                wait = decision.retry_after_ms  # type: ignore[union-attr]
                return taken, (wait if wait is not None else 1000 * self.seconds) / 1000 + 0.001
        return wanted, 0.0
