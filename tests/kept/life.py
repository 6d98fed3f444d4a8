"""How the kept shop lives: before each tick the user's data, edits of files, and what people do.

Only doors that a user has are used: `segflow.Project` and the commands. So this lives on with any later build.
"""

from __future__ import annotations

import contextlib
import io
import json
import lzma
import runpy
import sqlite3
import sys
import tarfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
import pyarrow as pa
import yaml

from segflow import Project
from tests.kept import data

HERE = Path(__file__).parent
BEFORE, AFTER = "before.tar.xz", "after.json"
DIED = 9
"""The number of the tick that died in the build before."""
LAST = len(data.TICKS)
_EDITS: dict[int, dict[str, Any]] = yaml.safe_load((HERE / "edits.yml").read_text(encoding="utf-8"))


class Life:
    """The shop in the folder `root`. `kind` makes its project."""

    def __init__(self, root: Path, kind: Callable[[Path], Project] = Project) -> None:
        self.root, self._kind = root, kind
        self.project = kind(root)

    def tick(self, number: int, *, send: bool = True) -> None:
        """Tick number `number`, with all that happens before it."""
        if number > DIED:
            data.load(self.root, number)
        self.edit(number)
        DEEDS.get(number, lambda _: None)(self)
        self.project.tick(data.TICKS[number - 1], send=send)

    def edit(self, number: int) -> None:
        """The edits before a tick."""
        edits = _EDITS.get(number, {})
        for name, change in edits.items():
            path = self.root / name
            if change is None:
                path.unlink()
            elif isinstance(change, str):
                path.write_text(change, encoding="utf-8")
            else:
                text = path.read_text(encoding="utf-8")
                for old, new in change.items():
                    assert text.count(old) == 1, (name, old)
                    text = text.replace(old, new)
                path.write_text(text, encoding="utf-8")
        if edits:
            # A process of its own would read the user's dbt models again, too.
            self.close()
            self.project = self._kind(self.root)

    def command(self, *words: str) -> tuple[int, str]:
        """Exit code and stdout of a command, in this process."""
        return command(self.root, *words)

    def unknown(self) -> list[str]:
        """The ids of the messages of unknown outcome."""
        with contextlib.closing(sqlite3.connect(self.root / ".segflow/delivery.db")) as store:
            return [
                row[0] for row in store.execute("SELECT message_id FROM messages WHERE status = 'unknown' ORDER BY 1")
            ]

    def close(self) -> None:
        self.project.store.close()


def command(root: Path, *words: str) -> tuple[int, str]:
    """Exit code and stdout of `python -m segflow --project-dir ROOT ...`, in this process."""
    out = io.StringIO()
    given = mock.patch.object(sys, "argv", ["segflow", "--project-dir", str(root), *words])
    # At its end a command keeps the collector from a last search; this process goes on, and needs it as it was.
    with given, mock.patch("gc.freeze"), mock.patch("gc.unfreeze"), contextlib.redirect_stdout(out):
        try:
            runpy.run_module("segflow", run_name="__main__", alter_sys=True)
        except SystemExit as end:
            return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def unpack(archive: Path, root: Path) -> None:
    """Make folder `root` of an archive."""
    with lzma.open(archive) as content, tarfile.open(fileobj=content) as tar:
        tar.extractall(root, filter="data")


def planned(project: Project) -> dict[str, Any]:
    """What `plan` says about a tick right after the one that died, less what stands still."""
    plan = project.plan(data.TICKS[DIED - 1] + timedelta(minutes=1))
    found: dict[str, Any] = {"changes": plan.changes, "last tick": plan.last_tick, "warnings": plan.warnings}
    for kind, ones in (("segments", plan.segments), ("flows", plan.flows)):
        found[kind] = [{name: told for name, told in vars(one).items() if told} for one in ones if not one.quiet]
    return json.loads(json.dumps(found, default=vars))


def examined(root: Path) -> dict[str, str]:
    """Check of `doctor` -> ok or found, for those that look at the stores."""
    checks = ("settings", "specs", "delivery store", "lease", "sending", "messages", "warehouse", "tick", "ledgers")
    _, out = command(root, "--format", "json", "doctor")
    return {row["check"]: row["state"] for row in json.loads(out)["checks"] if row["check"] in checks}


@contextlib.contextmanager
def opened(root: Path) -> Iterator[None]:
    """While the warehouse is open, further connections of this process cost nothing. dbt bears none beside it."""
    with duckdb.connect(str(root / ".segflow/warehouse.duckdb")) as connection:
        connection.execute("SET threads = 1")
        yield


def rows(**contacts: dict[str, Any]) -> pa.Table:
    """An import: contact_id -> values."""
    given = [{"contact_id": name, **values} for name, values in contacts.items()]
    columns = dict.fromkeys(name for row in given for name in row)
    return pa.table({name: [row.get(name) for row in given] for name in columns})


MET = rows(x2={"email": "x2@kept.example", "city": "Paris", "age": 33}, c05={"score": 70.5, "source": "fair"})


def _tenth(life: Life) -> None:
    """What waited for somebody in the build before is decided; what it took in already is told again."""
    again, given_up, *_ = life.unknown()
    for words in (("stop-sending", "--lift"), ("outbox", "release", again), ("outbox", "drop", given_up)):
        assert life.command(*words)[0] == 0
    assert life.project.import_contacts(MET, trigger_flows=False, list_name="met").repeated


def _eleventh(life: Life) -> None:
    life.project.release(["guarded"], reason="it is right")
    given = rows(x1={"score": 3.25, "city": "London"}, x3={"email": "x3@kept.example", "age": 51, "source": "fair"})
    assert not life.project.import_contacts(given, trigger_flows=True, list_name="fair").refused
    life.project.retrigger("monthly", contacts=["c03", "c04", "x2", "nobody"])


def _twelfth(life: Life) -> None:
    life.project.freeze("quiet", "asked")
    life.project.retrigger("welcome", ignore_reentry=True)


DEEDS: dict[int, Callable[[Life], None]] = {10: _tenth, 11: _eleventh, 12: _twelfth}
