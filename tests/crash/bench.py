"""Kills a tick of a prepared project, lets it be resumed, and compares the end with that of a tick left alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.crash import shop
from tests.crash.state import State, state_of
from tests.senders.servers import Handler, HttpServer, http_server, status

REPO = Path(__file__).parents[2]
KILLED = -9
Kill = str | float
"""A crash point (`name` or `name:n`, its nth time), or the seconds after which the process is killed."""


@dataclass
class Case:
    """What came of one project that was killed and resumed."""

    places: list[str] = field(default_factory=list)
    """Where each kill met the tick: the last crash point that it had passed."""
    survived: int = 0
    """Kills that came too late: the tick was over."""
    damaged: list[str] = field(default_factory=list)
    """What segflow said of a warehouse file that a kill broke, before `rebuild` mended it."""
    unknown: int = 0
    """Messages to the sender that is not idempotent, of which nobody knows whether they arrived."""
    doubled: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        return len(self.places)

    def check(self) -> None:
        """Raise AssertionError unless all is as if nothing had happened."""
        assert (self.differences, self.doubled, self.lost) == ([], [], []), f"killed at {self.places}"
        assert self.unknown <= self.kills


class Victims:
    """The process whose children are killed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def order(self, **order: Any) -> tuple[int, float]:
        """Let a child carry out an order. Returns its exit code and how many seconds it lived."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return answer["code"], answer["seconds"]


@contextmanager
def victims(*, dbt: bool = False) -> Iterator[Victims]:
    """A process that waits for orders. `dbt`: it has imported dbt already."""
    command = [sys.executable, "-m", "tests.crash.victim", *(["dbt"] if dbt else [])]
    pipe = subprocess.PIPE
    # A killed dbt leaves semaphores, which multiprocessing cleans up and tells of.
    environment = {**os.environ, "PYTHONWARNINGS": "ignore::UserWarning:multiprocessing.resource_tracker"}
    with subprocess.Popen(command, cwd=REPO, env=environment, stdin=pipe, stdout=pipe, text=True) as process:
        yield Victims(process)
        assert process.stdin is not None
        process.stdin.close()


def _answer(handler: Handler) -> None:
    status(401 if handler.path.startswith("/shut") else 200)(handler)


def _nothing(root: Path) -> None:
    pass


class Bench:
    """One prepared project, and the tick that is run on copies of it."""

    def __init__(self, folder: Path, server: HttpServer, victims: Victims, *, first: bool, real: bool) -> None:
        self.folder, self._server, self._victims, self._real = folder, server, victims, real
        self._at = shop.FIRST if first else shop.THIRD
        self._next = shop.SECOND if first else shop.FOURTH
        self._template = folder / "template"
        (shop.fresh if first else shop.lived)(self._template, server.url)
        self._number = 0
        root = self.copy()
        self.trace: list[str] = []
        code, self.seconds = self._tick(root, self.trace)
        assert code == 0, self._said(root)
        self.expected = state_of(root)
        self._drop(root)

    @cached_property
    def _expected_next(self) -> State:
        root = self.copy()
        for at in (self._at, self._next):
            code, _ = self._tick(root, [], at=at.isoformat())
            assert code == 0, self._said(root)
        found = state_of(root)
        self._drop(root)
        return found

    def copy(self) -> Path:
        """A new copy of the prepared project."""
        self._number += 1
        return Path(shutil.copytree(self._template, self.folder / f"case{self._number}" / "project"))

    def case(
        self,
        kills: Sequence[Kill],
        between: Callable[[Path], None] = _nothing,
        after: Callable[[Path], None] = _nothing,
        *,
        follow: bool = False,
        rebuild_kills: Sequence[str] = (),
    ) -> Case:
        """Kill the tick, once per entry of `kills`, each time resumed; then let it end and compare.

        `between` is done to the project after the last kill, `after` when the tick is over; with `follow` the next
        tick is run and compared, too. `rebuild_kills` are for the rebuild, when one is needed. Raises AssertionError
        when the tick cannot be resumed.
        """
        root, case = self.copy(), Case()
        self._server.calls.clear()
        for kill in kills:
            self._killed(root, case, kill)
        between(root)
        self._resumed(root, case, rebuild_kills)
        after(root)
        found = state_of(root)
        case.differences = self.expected.differences(found)
        self._count(case, found)
        if follow:
            code, _ = self._tick(root, [], at=self._next.isoformat())
            assert code == 0, f"the tick after the one killed at {case.places}: {self._said(root)}"
            told = self._expected_next.differences(state_of(root))
            case.differences += [f"after the next tick: {difference}" for difference in told]
        self._drop(root)
        return case

    def left_unknown(self, root: Path, times: int) -> list[str]:
        """Kill the tick between hand-over and record, and let it end. Returns the messages of unknown outcome."""
        for _ in range(times):
            code, _ = self._tick(root, [], crash="drain.handed_over")
            assert code == KILLED
        code, _ = self._tick(root, [])
        assert code == 0, self._said(root)
        return sorted(message for message, outcomes in state_of(root).once.items() if outcomes == ["unknown"])

    def decided(self, root: Path, unknown: list[str], crash: str | None) -> bool:
        """Let a person decide about messages, or die at it. Returns whether it died."""
        code, _ = self._order(root, [], act="decide", unknown=unknown, crash=crash)
        assert code in (0, KILLED), self._said(root)
        return code == KILLED

    def _killed(self, root: Path, case: Case, kill: Kill) -> None:
        trace: list[str] = []
        wanted = {"crash": kill} if isinstance(kill, str) else {"after": kill}
        code, _ = self._tick(root, trace, **wanted)
        if code == 0:
            case.survived += 1
        elif code != KILLED:
            self._mended(root, case, ())
        else:
            case.places.append(trace[-1] if trace else "start")
            if isinstance(kill, str):
                name, _, turn = kill.partition(":")
                assert (trace[-1], trace.count(name)) == (name, int(turn or 1))

    def _resumed(self, root: Path, case: Case, rebuild_kills: Sequence[str]) -> None:
        code, _ = self._tick(root, [])
        if code != 0:
            self._mended(root, case, rebuild_kills)
            code, _ = self._tick(root, [])
        assert code == 0, f"killed at {case.places}: {self._said(root)}"

    def _mended(self, root: Path, case: Case, kills: Sequence[str]) -> None:
        """A kill broke the warehouse file, which happens; it must have been told in words."""
        said = self._said(root)
        assert "segflow rebuild" in said, f"killed at {case.places}: {said}"
        case.damaged.append(said)
        # The user's own tables are in the same file; whatever loads them does it again after a rebuild.
        source = str(self._template / ".segflow/warehouse.duckdb")
        for crash in (*kills, None):
            code, _ = self._order(root, [], act="rebuild", raw=source, crash=crash)
            assert code == (KILLED if crash else 0), f"rebuild, killed at {crash}: {self._said(root)}"
            case.places += [crash] if crash else []
        for aside in (root / ".segflow").glob("warehouse.duckdb.damaged-*"):
            aside.unlink()

    def _count(self, case: Case, found: State) -> None:
        accepted = Counter(call.headers["idempotency-key"] for call in self._server.calls if call.path == "/ok")
        case.unknown = sum(outcomes == ["unknown"] for outcomes in found.once.values())
        for message, outcomes in found.once.items():
            if accepted[message] > 1:
                case.doubled.append(message)
            if outcomes not in (["sent"], ["unknown"]) or (outcomes == ["sent"] and not accepted[message]):
                case.lost.append(message)
        case.lost += sorted(self.expected.once.keys() - found.once.keys())
        case.lost += [message for message in found.again if not accepted[message]]

    def _tick(self, root: Path, trace: list[str], **order: Any) -> tuple[int, float]:
        order = {"act": "tick", "at": self._at.isoformat(), "real": self._real, **order}
        answer = self._order(root, trace, **order)
        while self._said(root).startswith("LeaseLostError"):
            # The machine stood still for more than a minute. That is refused in words, and the next run goes on.
            trace.clear()
            answer = self._order(root, trace, **order)
        return answer

    def _order(self, root: Path, trace: list[str], **order: Any) -> tuple[int, float]:
        paths = {"trace": str(root.parent / "trace"), "error": str(root.parent / "error")}
        for path in paths.values():
            Path(path).write_text("", encoding="utf-8")
        answer = self._victims.order(root=str(root), **paths, **order)
        trace += Path(paths["trace"]).read_text(encoding="utf-8").split()
        return answer

    def _said(self, root: Path) -> str:
        return (root.parent / "error").read_text(encoding="utf-8")

    def _drop(self, root: Path) -> None:
        shutil.rmtree(root.parent)


@contextmanager
def bench(folder: Path, *, first: bool = False, real: bool = False) -> Iterator[Bench]:
    """A bench on the third tick of the project, or on its `first`; `real`: the tick runs dbt itself."""
    with http_server(_answer) as server, victims(dbt=real) as process:
        yield Bench(folder, server, process, first=first, real=real)
