"""`make crash`: every crash point each time it is passed, random moments, several kills in a row, and dbt itself.

Prints what it did and what it found; exit code 1 when anything differs from ticks that were not killed.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from tests.crash.bench import Bench, Case, Kill, bench
from tests.crash.points import rows_of_kills


@dataclass(frozen=True)
class Part:
    """A kind of tick, and which kills it gets."""

    name: str
    first: bool = False
    real: bool = False


PARTS = (
    Part("a tick that does everything"),
    Part("the first tick", first=True),
    Part("a tick with dbt", real=True),
)


@dataclass
class Findings:
    """What all cases came to."""

    cases: list[Case] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    """Ticks that could not be resumed, and why."""
    lock: Lock = field(default_factory=Lock)

    def add(self, part: Part, kills: list[Kill], case: Case | None, error: str | None) -> None:
        with self.lock:
            if case is not None:
                self.cases.append(case)
                wrong = [*case.differences, *(f"doubled {one}" for one in case.doubled)]
                wrong += [f"lost {one}" for one in case.lost]
                error = "; ".join(wrong) or None
                if case.unknown > case.kills:
                    error = f"{case.unknown} messages of unknown outcome after {case.kills} kills"
            if error is not None:
                self.broken.append(error)
                places = case.places if case else ""
                print(f"WRONG {part.name}, killed {kills} {places}: {error}", flush=True)

    @property
    def fine(self) -> bool:
        return not self.broken

    def report(self) -> str:
        kills = sum(case.kills for case in self.cases)
        counted = {
            "kills": kills,
            "resumed": len(self.cases),
            "rebuilt": sum(len(case.damaged) for case in self.cases),
            "differences": sum(len(case.differences) for case in self.cases) + len(self.broken),
            "doubled": sum(len(case.doubled) for case in self.cases),
            "lost": sum(len(case.lost) for case in self.cases),
            "unknown": sum(case.unknown for case in self.cases),
            "too late": sum(case.survived for case in self.cases),
        }
        return ", ".join(f"{name} {number:,}" for name, number in counted.items())

    def places(self) -> str:
        met = Counter(place for case in self.cases for place in case.places)
        return "\n".join(f"{number:6,} {place}" for place, number in sorted(met.items()))


def kills_of(part: Part, tick: Bench, passes: int, moments: int, seed: int) -> Iterator[list[Kill]]:
    """The kills of each case of a part. A point is met the first `passes` times that the tick passes it."""
    passed: Counter[str] = Counter()
    for point in tick.trace:
        passed[point] += 1
        if passed[point] <= (1 if part.real else passes):
            yield [f"{point}:{passed[point]}"]
    for row in rows_of_kills(tick.trace, 7):
        yield list(row)
    chance = random.Random(f"{seed} {part.name}")
    for number in range(moments):
        # Every fourth case is killed up to five times, each time from the start of a process.
        yield [chance.uniform(0, tick.seconds) for _ in range(1 if number % 4 else chance.randint(2, 5))]


def run(part: Part, folder: Path, findings: Findings, moments: int, given: argparse.Namespace) -> None:
    """Run all cases of a part, some at a time, each on a bench of its own."""
    with ExitStack() as stack:
        benches = [
            stack.enter_context(bench(folder / f"worker{number}", first=part.first, real=part.real))
            for number in range(given.workers)
        ]
        cases = list(kills_of(part, benches[0], given.passes, moments, given.seed))
        print(f"{part.name}: {benches[0].seconds:.1f} s, {len(cases):,} cases", flush=True)
        left, lock, done = iter(cases), Lock(), Counter[str]()

        def work(own: Bench) -> None:
            while True:
                with lock:
                    kills = next(left, None)
                if kills is None:
                    return
                try:
                    findings.add(part, kills, own.case(kills, follow=isinstance(kills[0], float)), None)
                except AssertionError as error:
                    findings.add(part, kills, None, str(error))
                with lock:
                    done["cases"] += 1
                    if done["cases"] % 50 == 0:
                        print(f"  {done['cases']:,} of {len(cases):,}", flush=True)

        with ThreadPoolExecutor(given.workers) as pool:
            list(pool.map(work, benches))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.full", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--moments", type=int, default=120, help="cases at random moments of the large tick")
    parser.add_argument("--passes", type=int, default=10**6, help="kill at each point so many times it is passed")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    findings, started = Findings(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="segflow-crash-") as folder:
        for number, part in enumerate(PARTS):
            moments = given.moments if number == 0 else given.moments // 4
            run(part, Path(folder) / str(number), findings, moments, given)
    print(f"\nWhere the kills met the tick:\n{findings.places()}")
    print(f"\n{findings.report()}  (seed {given.seed}, {time.monotonic() - started:,.0f} s)")
    return 0 if findings.fine else 1


if __name__ == "__main__":
    sys.exit(main())
