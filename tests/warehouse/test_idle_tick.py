"""A tick in which nothing happens: how many statements it takes, or messages to a server, each a way there and back."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.postgres import Server
from tests.postgres_world import PostgresWorld
from tests.world import World

Watch = Callable[[pytest.MonkeyPatch, Path], Callable[[], list[str]]]
"""Begins to watch, with a folder for notes; what it returns says what was seen."""


def watch_duckdb(monkeypatch: pytest.MonkeyPatch, _: Path) -> Callable[[], list[str]]:
    """Statements."""
    found: list[str] = []
    for name in ("execute", "query", "batches"):
        run = getattr(DuckDBWarehouse, name)

        def told(self: Any, sql: Any, *args: Any, _run: Any = run) -> Any:
            found.append(str(sql)[:100])
            return _run(self, sql, *args)

        monkeypatch.setattr(DuckDBWarehouse, name, told)
    return lambda: found


def watch_postgres(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Callable[[], list[str]]:
    """Messages that were waited for, by libpq's own notes of what went over each connection."""
    connect, notes = psycopg.connect, folder / "notes"
    notes.mkdir()
    opened: list[int] = []

    def traced(*args: Any, **kwargs: Any) -> Any:
        connection = connect(*args, **kwargs)
        if connection.info.parameter_status("application_name") == "segflow":  # models run on another one
            opened.append(os.open(notes / f"{len(opened):03}", os.O_WRONLY | os.O_CREAT))
            connection.pgconn.trace(opened[-1])
            connection.pgconn.set_trace_flags(psycopg.pq.Trace.SUPPRESS_TIMESTAMPS)
        return connection

    def found() -> list[str]:
        for one in opened:
            os.close(one)
        return [message for note in sorted(notes.iterdir()) for message in _messages(note.read_text())]

    monkeypatch.setattr(psycopg, "connect", traced)
    return found


def _messages(note: str) -> list[str]:
    """What was sent, up to each answer that was waited for."""
    messages, said = [], []
    for whose, kind, text in re.findall(r"^([FB])\t\d+\t(\w+)(.*)", note, re.MULTILINE):
        if whose == "F" and kind in ("Query", "Parse"):
            said.append(text.strip()[:100])
        elif whose == "B" and kind in ("ReadyForQuery", "CopyInResponse"):
            messages.append(" | ".join(said))
            said.clear()
    return messages


def seen(world: World, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Those of the fourth tick of a world of six segments and six flows, in which nobody moves and nothing is due."""
    for number in range(6):
        world.segment(f"age{number}", {"where": {"attribute": "age", "gte": number}, "on_create": "trigger"})
        steps = [{"id": "text", "send_email": {"subject": "Hi", "text": "Hi"}}, {"id": "wait", "wait": "90 days"}]
        world.flow(f"flow{number}", {"status": "active", "trigger": {"enters": f"age{number}"}, "steps": steps})
    world.rows_of("contacts", [{"contact_id": f"c{n}", "age": n, "email": f"c{n}@example.com"} for n in range(9)])
    for day in range(1, 5):
        if day == 4:
            found = watch(monkeypatch, world.root)
        assert world.tick(datetime(2026, 3, day, 12, tzinfo=UTC), send=True).errors == []
    monkeypatch.undo()
    world.project.store.close()
    world.close()
    return found()


def test_on_duckdb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = seen(World(tmp_path), watch_duckdb, monkeypatch)
    assert 0 < len(found) <= 169, (len(found), found)


def test_on_postgres(postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = postgres.new_database()
    found = seen(PostgresWorld(tmp_path, url), watch_postgres, monkeypatch)
    postgres.drop_database(url)
    assert 0 < len(found) <= 74, (len(found), sorted(found))
