"""How much of the processor a process and everything below it has used, out of `/proc` (Linux)."""

from __future__ import annotations

import os
import resource
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class _Seen:
    parent: int
    began: int
    own: float
    reaped: float
    """Seconds of its children that have ended and were waited for."""


def _look(pid: int) -> _Seen | None:
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    user, system, children_user, children_system = (int(word) / _TICK for word in words[11:15])
    return _Seen(int(words[1]), int(words[19]), user + system, children_user + children_system)


def below(root: int) -> dict[int, _Seen]:
    """The process and all that it started, directly or not, that are there now."""
    found = {int(name): seen for name in os.listdir("/proc") if name.isdigit() and (seen := _look(int(name)))}
    children: dict[int, list[int]] = {}
    for pid, seen in found.items():
        children.setdefault(seen.parent, []).append(pid)

    def walk(pid: int) -> Iterator[int]:
        yield pid
        for child in children.get(pid, ()):
            yield from walk(child)

    return {pid: found[pid] for pid in walk(root) if pid in found}


def used() -> tuple[float, float]:
    """Seconds that this process has used, and those of the processes that it started, directly or not."""
    here, own = resource.getrusage(resource.RUSAGE_SELF), os.getpid()
    others = sum(seen.own + seen.reaped for pid, seen in below(own).items() if pid != own)
    return here.ru_utime + here.ru_stime, others


@dataclass
class Meter:
    """Looks at the processes below `root` until it is left. Those that are there when it is entered are the servers,
    those that come later are the run's."""

    root: int
    every: float = 0.03
    line: list[tuple[float, float, float]] = field(default_factory=list)
    """(time, seconds of the servers, seconds of the run) since it was entered."""

    def __enter__(self) -> Meter:
        self._before = below(self.root)
        self._run: dict[int, float] = {}
        self._servers = {pid: seen.own for pid, seen in self._before.items()}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self._note()
            if self._over.wait(self.every):
                return

    def _note(self) -> None:
        for pid, seen in below(self.root).items():
            was = self._before.get(pid)
            if was is not None and was.began == seen.began:
                self._servers[pid] = seen.own
            else:
                # What its own children used is theirs while they live, and its own once they have ended.
                self._run[pid] = seen.own + seen.reaped
        servers = sum(self._servers.values()) - sum(seen.own for seen in self._before.values())
        self.line.append((time.time(), servers, self._whole_run()))

    def _whole_run(self) -> float:
        return sum(self._run.values())

    def between(self, start: float, end: float) -> tuple[float, float]:
        """Seconds of the servers and of the run between two times."""
        (servers, run), (servers_end, run_end) = self._at(start), self._at(end)
        return servers_end - servers, run_end - run

    def _at(self, moment: float) -> tuple[float, float]:
        last = (self.line[0][0], 0.0, 0.0)
        for one in self.line:
            if one[0] >= moment:
                share = (moment - last[0]) / (one[0] - last[0]) if one[0] > last[0] else 1.0
                share = min(max(share, 0.0), 1.0)
                return last[1] + share * (one[1] - last[1]), last[2] + share * (one[2] - last[2])
            last = one
        return last[1], last[2]
