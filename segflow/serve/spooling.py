"""Records are made durable in groups: whoever waits for one is told when the group's file is on the disk."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque

from segflow.outbox.spool import Record, Spool

MOST_RECORDS = 5_000
MOST_BYTES = 64 * 1024 * 1024
"""What may wait for the disk, in records and in bytes of their bodies. More is refused for now: 503."""

log = logging.getLogger(__name__)


class FullError(Exception):
    """The disk does not keep up, or cannot be written."""


class GroupWriter:
    """One thread that writes whatever waits, as one file after the other. While a file is synced the next group
    gathers, so that a slow disk makes larger groups."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._waiting: deque[tuple[Record, int, asyncio.AbstractEventLoop, asyncio.Future[None]]] = deque()
        self._count, self._bytes = 0, 0
        self._wake = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin. Raises RunError when the folder cannot be written."""
        self._spool.prepare()
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write what waits, and end."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join()

    async def keep(self, record: Record, size: int = 0) -> None:
        """Return when the record is durable. `size`: bytes of its body. Raises FullError when it is not."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        with self._wake:
            if self._closed or self._count >= MOST_RECORDS or self._bytes + size > MOST_BYTES:
                raise FullError
            self._waiting.append((record, size, loop, done))
            self._count, self._bytes = self._count + 1, self._bytes + size
            self._wake.notify()
        # Whoever hangs up does not take the record back: it is written, and told again it is dropped as a repeat.
        await asyncio.shield(done)

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._waiting and not self._closed:
                    self._wake.wait()
                group = list(self._waiting)
                self._waiting.clear()
            if not group:
                return
            failed = self._write([record for record, *_ in group])
            with self._wake:
                self._count -= len(group)
                self._bytes -= sum(size for _, size, *_ in group)
            by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
            for _, _, loop, done in group:
                by_loop.setdefault(loop, []).append(done)
            for loop, waiting in by_loop.items():
                if not loop.is_closed():
                    loop.call_soon_threadsafe(_tell, waiting, failed)

    def _write(self, records: list[Record]) -> bool:
        try:
            self._spool.write(records)
        except OSError as error:
            log.error("the spool cannot be written: %s", error.strerror or type(error).__name__)
            return True
        return False


def _tell(waiting: list[asyncio.Future[None]], failed: bool) -> None:
    for done in waiting:
        if done.done():
            continue
        if failed:
            done.set_exception(FullError())
        else:
            done.set_result(None)
