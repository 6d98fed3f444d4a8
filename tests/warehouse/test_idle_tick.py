"""A tick in which nothing happens: how many statements it takes. To a server each is a way there and back."""

from __future__ import annotations

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

Watch = Callable[[pytest.MonkeyPatch, list[str]], None]


def watch_duckdb(monkeypatch: pytest.MonkeyPatch, found: list[str]) -> None:
    for name in ("execute", "query", "batches"):
        run = getattr(DuckDBWarehouse, name)

        def told(self: Any, sql: Any, *args: Any, _run: Any = run) -> Any:
            found.append(str(sql)[:100])
            return _run(self, sql, *args)

        monkeypatch.setattr(DuckDBWarehouse, name, told)


def watch_postgres(monkeypatch: pytest.MonkeyPatch, found: list[str]) -> None:
    for kind, name in ((psycopg.Cursor, "execute"), (psycopg.Cursor, "copy"), (psycopg.ServerCursor, "execute")):
        run = getattr(kind, name)

        def told(self: Any, sql: Any, *args: Any, _run: Any = run, **kwargs: Any) -> Any:
            if self.connection.info.parameter_status("application_name") == "segflow":  # models run on another one
                found.append(str(sql)[:100])
            return _run(self, sql, *args, **kwargs)

        monkeypatch.setattr(kind, name, told)


def statements(world: World, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Those of the fourth tick of a world of six segments and six flows, in which nobody moves and nothing is due."""
    for number in range(6):
        world.segment(f"age{number}", {"where": {"attribute": "age", "gte": number}, "on_create": "trigger"})
        steps = [{"id": "text", "send_email": {"subject": "Hi", "text": "Hi"}}, {"id": "wait", "wait": "90 days"}]
        world.flow(f"flow{number}", {"status": "active", "trigger": {"enters": f"age{number}"}, "steps": steps})
    world.rows_of("contacts", [{"contact_id": f"c{n}", "age": n, "email": f"c{n}@example.com"} for n in range(9)])
    found: list[str] = []
    for day in range(1, 5):
        if day == 4:
            watch(monkeypatch, found)
        assert world.tick(datetime(2026, 3, day, 12, tzinfo=UTC), send=True).errors == []
    monkeypatch.undo()
    world.project.store.close()
    world.close()
    return found


def test_on_duckdb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = statements(World(tmp_path), watch_duckdb, monkeypatch)
    assert 0 < len(found) <= 180, (len(found), found)


def test_on_postgres(postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = postgres.new_database()
    found = statements(PostgresWorld(tmp_path, url), watch_postgres, monkeypatch)
    postgres.drop_database(url)
    assert 0 < len(found) <= 220, (len(found), sorted(found))
