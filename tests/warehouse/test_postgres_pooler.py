"""A pooler between segflow and Postgres: it refuses settings in the first message, or drops them; and it may lend one
session to several connections, which no tick survives."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg
import pytest
from sqlglot import parse_one

from segflow.errors import InputError
from segflow.outbox.store import DeliveryStore
from segflow.warehouse.postgres.engine import PostgresEngine
from segflow.warehouse.session_settings import said_later
from tests.pooler import Pooler, pooler
from tests.postgres import Server
from tests.postgres_world import PostgresWorld
from tests.scenarios.runner import Scenario, scenarios

SETTINGS = ("TimeZone", "DateStyle", "IntervalStyle", "client_min_messages", "search_path", "role")


def _through(found: Pooler, url: str, options: str = "") -> str:
    """The URL of a database by way of a pooler."""
    parts = urlsplit(url)
    given = f"?options={quote(options)}" if options else ""
    return parts._replace(netloc=f"{parts.username}@127.0.0.1:{found.port}").geturl() + given


def _server(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return "127.0.0.1", parts.port or 0


@pytest.mark.parametrize("drops_options", [False, True], ids=["options refused", "options dropped"])
def test_a_session_is_told_what_it_needs(postgres: Server, drops_options: bool) -> None:
    url = postgres.new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        name = urlsplit(url).path.removeprefix("/")
        connection.execute(f"ALTER DATABASE {name} SET TimeZone = 'Asia/Tokyo'")
        connection.execute(f"ALTER DATABASE {name} SET DateStyle = 'German'")
        connection.execute("DO $$ BEGIN CREATE ROLE pooled; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
        connection.execute(f"GRANT CREATE ON DATABASE {name} TO pooled")
    with pooler(_server(url), "session", drops_options=drops_options) as found:
        engine = PostgresEngine(_through(found, url, r"-c role=pooled -csearch_path=raw,\ public"))
        with engine.open() as warehouse:
            warehouse.ensure_tables()
            query = ", ".join(f"current_setting('{name}') AS {name.lower()}" for name in SETTINGS)
            [row] = warehouse.rows(parse_one(f"SELECT {query}", dialect="postgres"))
    assert tuple(row.values()) == ("UTC", "ISO, YMD", "postgres", "warning", "raw, public", "pooled")


def test_a_scenario_through_a_pooler(postgres: Server, tmp_path: Path) -> None:
    url = postgres.new_database()
    with pooler(_server(url), "session", drops_options=True) as found:

        def world(root: Path, *, real: bool, **given: Any) -> PostgresWorld:
            return PostgresWorld(root, _through(found, url), **given)

        scenario = Scenario(scenarios()["imports/imported_with_no_and_with_yes"], tmp_path, world=world)
        scenario.run()
        scenario.world.project.store.close()


def test_a_pooler_that_lends_a_session_to_several_is_refused(postgres: Server) -> None:
    url = postgres.new_database()
    with pooler(_server(url), "transaction") as found:
        engine = PostgresEngine(_through(found, url))
        with pytest.raises(InputError, match=r"a pooler gives the session of one connection .*pool_mode = session"):
            engine.open()


@pytest.mark.parametrize("driver", ["postgresql", "postgresql+psycopg2"])
def test_the_delivery_store_has_its_schema(postgres: Server, driver: str) -> None:
    url = postgres.new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA delivery")
    with pooler(_server(url), "session") as found:
        there = _through(found, url, "-csearch_path=delivery")
        store = DeliveryStore(there.replace("postgresql", driver, 1))
        store.close()
    with psycopg.connect(url) as connection:
        schemas = connection.execute("SELECT DISTINCT schemaname FROM pg_tables WHERE tablename = 'messages'")
        assert schemas.fetchall() == [("delivery",)]


@pytest.mark.parametrize(
    ("options", "later"),
    [
        pytest.param("", {}, id="none"),
        pytest.param("-csearch_path=a", {"search_path": "a"}, id="in one word"),
        pytest.param("-c search_path=a", {"search_path": "a"}, id="in two words"),
        pytest.param(r"-c search_path=a,\ b  -c role=x", {"search_path": "a, b", "role": "x"}, id="with a blank"),
        pytest.param(r"-c role=a\\b", {"role": r"a\b"}, id="with a backslash"),
        pytest.param("-c search_path=a -c log_connections=on", None, id="one that a session cannot be told"),
        pytest.param("--search_path=a", None, id="another form"),
        pytest.param("-c", None, id="nothing behind it"),
        pytest.param("-c search_path", None, id="no value"),
    ],
)
def test_what_can_be_said_later(options: str, later: dict[str, str] | None) -> None:
    assert said_later(options) == later
