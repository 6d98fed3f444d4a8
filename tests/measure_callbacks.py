"""How many calls of providers `segflow serve` takes, each durable before its answer: python -m tests.measure_callbacks

Against a bare loop that writes and syncs the same records one by one, and by groups of 20; on the same disk.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from pathlib import Path

from segflow.outbox.spool import Call, Spool
from tests.serve.caller import body_of, event, install
from tests.serve.load import make_requests, send
from tests.serve.server import Served
from tests.serve.shop import START, shop


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=None, help="where to write; default: the system's")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rate", type=float, default=1_000)
    parser.add_argument("--connections", type=int, default=50)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        measure(Path(folder), asked.rate, asked.seconds, asked.connections)


def measure(folder: Path, rate: float, seconds: float, connections: int) -> None:
    number = int(rate * seconds)
    bare(folder, 1)
    bare(folder, 20)
    world = shop(folder / "world")
    world.close()
    packages = install(folder / "packages")
    with Served(world.root, packages) as server:
        for what, limit in ((f"{rate:,.0f} a second", rate), ("as fast as it goes", None)):
            calls = make_requests(range(number), lambda one: f"m{one}")
            before = cpu_seconds(server.process.pid)
            load = asyncio.run(send(lambda: server.port, calls, connections, limit))
            used = 1000 * (cpu_seconds(server.process.pid) - before) / len(load.acknowledged)
            spool = Spool(world.root / ".segflow/spool")
            files = spool.files()
            print(
                f"{what}, {connections} connections: {len(load.acknowledged):,} acknowledged in {load.took:.2f} s "
                f"({len(load.acknowledged) / load.took:,.0f} a second), half within {load.at(0.5):.1f} ms, 99% within "
                f"{load.at(0.99):.1f} ms, others {load.others}, {len(files):,} files, {used:.2f} ms of CPU each"
            )
            spool.remove(files)


def cpu_seconds(pid: int) -> float:
    """What a process has used so far, in user and system time."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def bare(folder: Path, group: int) -> None:
    """The same records, written by one loop."""
    spool = Spool(folder / f"bare{group}")
    spool.prepare()
    body = body_of([event("delivered", 1, message_id="m")])
    began = time.perf_counter()
    for _ in range(200):
        spool.write(
            [
                Call(sender="caller", method="POST", url="https://x/", headers={}, body=body, received_at=START)
                for _ in range(group)
            ]
        )
    took = time.perf_counter() - began
    print(f"bare, {group} in a file: {200 * group / took:,.0f} records a second, {1000 * took / 200:.2f} ms a file")


if __name__ == "__main__":
    main()
