"""Many calls a second of a provider that repeats what was not acknowledged, as providers do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.serve.caller import body_of, event, signed


@dataclass
class Load:
    """What became of calls: `acknowledged` events by number, seconds that the answered took, and other answers."""

    acknowledged: set[int] = field(default_factory=set)
    seconds: list[float] = field(default_factory=list)
    others: dict[str, int] = field(default_factory=dict)
    took: float = 0.0

    def at(self, share: float) -> float:
        """Milliseconds within which a share of the calls was answered."""
        return 1000 * sorted(self.seconds)[min(int(share * len(self.seconds)), len(self.seconds) - 1)]


def make_requests(numbers: Sequence[int], message: Callable[[int], str]) -> dict[int, bytes]:
    """Calls of one event each, ready for the wire."""
    made = {}
    for number in numbers:
        body = body_of([event("delivered", number, message_id=message(number))])
        headers = "".join(f"{name}: {value}\r\n" for name, value in signed(body).items())
        head = f"POST /callbacks/caller HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        made[number] = head.encode() + body
    return made


async def send(port: Callable[[], int], calls: dict[int, bytes], connections: int, rate: float | None = None) -> Load:
    """Make every call until it is acknowledged, over `connections` at once, `rate` a second at most.

    `port` is asked anew when a connection is lost: another server may have taken over.
    """
    load, began = Load(), time.monotonic()
    waiting = asyncio.Queue[tuple[int, float]]()
    for position, number in enumerate(calls):
        waiting.put_nowait((number, began + position / rate if rate else began))

    async def work() -> None:
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while not waiting.empty():
            number, due = waiting.get_nowait()
            await asyncio.sleep(max(due - time.monotonic(), 0))
            while number not in load.acknowledged:
                asked = time.monotonic()
                try:
                    if streams is None:
                        streams = await asyncio.open_connection("127.0.0.1", port())
                    reader, writer = streams
                    writer.write(calls[number])
                    head = await reader.readuntil(b"\r\n\r\n")
                    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r")[0] or 0)
                    await reader.readexactly(length)
                except (OSError, asyncio.IncompleteReadError):
                    streams = None
                    _count(load, "lost")
                    await asyncio.sleep(0.05)
                    continue
                status = head[9:12].decode()
                if status != "200":
                    _count(load, status)
                    streams = None if b"connection: close" in head.lower() else streams
                    await asyncio.sleep(0.05)
                    continue
                load.seconds.append(time.monotonic() - asked)
                load.acknowledged.add(number)
        if streams is not None:
            streams[1].close()

    await asyncio.gather(*(work() for _ in range(connections)))
    load.took = time.monotonic() - began
    return load


def _count(load: Load, what: str) -> None:
    load.others[what] = load.others.get(what, 0) + 1
