"""The schedule at one minute under a real daemon, with a kill in the middle. `make daemon` is the long form, also with
a process per stage."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from tests.dagster.daemon import MINUTE, check


def test_a_killed_tick_ends_like_one_of_the_cli(tmp_path: Path) -> None:
    """The tick that is due when the daemon starts is killed, its retry ends it, and the next minute has its own."""
    since = datetime.now(UTC).replace(second=0, microsecond=0) - 2 * MINUTE
    check(tmp_path, "tick", ticks=2, kill_in=0, since=since)
