"""`segflow init` from a Postgres server: its tables, or a dbt project that builds there, to a green tick."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from psycopg.conninfo import conninfo_to_dict

from segflow.errors import InputError
from segflow.start import server as of_server
from segflow.start.dbt_models import DbtPlace
from segflow.start.start import Wanted, start
from tests import postgres_project as made
from tests.postgres import Server

TABLES = """
CREATE SCHEMA crm;
CREATE TABLE crm.customers (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), number int, "E Mail" text, city text,
    signed_up timestamptz, newsletter boolean, about jsonb);
INSERT INTO crm.customers (number, "E Mail", city, signed_up, newsletter, about)
    SELECT n, 'p' || n || '@example.com', (ARRAY['London', 'Köln', ''])[n % 3 + 1], now() - n * interval '1 day',
    n % 4 > 0, jsonb_build_object('plan', CASE n % 2 WHEN 0 THEN 'pro' ELSE 'free' END) FROM generate_series(1, 40) n;
CREATE TABLE crm.orders (order_id bigint GENERATED ALWAYS AS IDENTITY, customer uuid, total numeric(10, 2),
    ordered_at timestamp, paid boolean);
INSERT INTO crm.orders (customer, total, ordered_at, paid)
    SELECT id, number * 1.5, now() - number * interval '3 hours', true FROM crm.customers WHERE number <= 25;
CREATE TABLE crm.visits (who uuid, page text, at timestamptz);
INSERT INTO crm.visits
    SELECT c.id, '/' || n, now() - n * interval '1 hour' FROM crm.customers c, generate_series(1, 3) n;
CREATE SCHEMA other;
CREATE TABLE other.rates (day date, rate numeric);
INSERT INTO other.rates VALUES ('2026-01-01', 1.1);
"""
SECRET = "p4ss-w0rd"


def filled(postgres: Server, sql: str = TABLES) -> str:
    url = postgres.new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.encode())
    return url


def with_password(url: str) -> str:
    return url.replace("@", f":{SECRET}@", 1)


def run(folder: Path, *words: str) -> dict[str, Any]:
    told = {**os.environ, "PGPASSWORD": SECRET, "DO_NOT_TRACK": "1"}
    command = [sys.executable, "-m", "segflow", "--format", "json", *words]
    done = subprocess.run(command, cwd=folder, env=told, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert SECRET not in done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def check_tick(folder: Path, told: dict[str, Any]) -> None:
    """A tick is green, and has the members that were told."""
    tick = run(folder, "tick", "--as-of", told["as_of"])
    assert tick["errors"] == []
    assert {one["segment"]: one["members"] for one in tick["segments"]} == told["segments"]
    assert any(0 < members < told["contacts"] for members in told["segments"].values())


def test_from_tables_to_a_green_tick(postgres: Server, tmp_path: Path) -> None:
    url = filled(postgres)
    told = run(tmp_path, "init", "shop", "--from", with_password(url), "--schema", "crm", "--timezone", "Europe/Berlin")
    root = tmp_path / "shop"
    assert told["contacts"] == 40
    assert told["commands"][:3] == ["cd shop", "export PGPASSWORD=...", "segflow tick"]
    texts = {path.name: path.read_text() for path in root.rglob("*") if path.is_file()}
    assert [name for name, text in texts.items() if SECRET in text] == []
    assert yaml.safe_load(texts["segflow.yml"])["engine"] == "postgres"
    at = conninfo_to_dict(url)
    assert yaml.safe_load(texts["profiles.yml"])["segflow"]["outputs"]["server"] == {
        "type": "postgres", "host": at["host"], "port": int(at["port"]), "user": at["user"], "dbname": at["dbname"],
        "password": "{{ env_var('PGPASSWORD', '') }}", "schema": "segflow_staging", "threads": 4,
    }  # fmt: skip
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'segflow%'").fetchone()
    assert found == (0,), "to look at tables leaves nothing there"
    catalog = yaml.safe_load(texts["catalog.yml"])
    assert catalog["contacts"]["model"] == "stg_customers"
    assert "orders" in str(catalog)
    check_tick(root, told)


def test_contacts_that_are_made_of_events(postgres: Server, tmp_path: Path) -> None:
    url = filled(
        postgres,
        "CREATE TABLE calls (customer_id text, town text, called_at timestamp, minutes int);"
        "INSERT INTO calls SELECT 'c' || n % 9, 'T' || n % 3, now()::timestamp - n * interval '1 hour', n % 7 "
        "FROM generate_series(1, 90) n;",
    )
    told = run(tmp_path, "init", "calls", "--from", url)
    assert told["contacts"] == 9
    check_tick(tmp_path / "calls", told)


def test_from_a_dbt_project_that_builds_there(postgres: Server, tmp_path: Path) -> None:
    url = postgres.new_database()
    made.hostile(url)
    theirs = made.make(tmp_path / "theirs", url) / "dbt"
    command = [Path(sys.executable).with_name("dbt"), "build", "--quiet", "--profiles-dir", "."]
    subprocess.run(command, cwd=theirs, check=True)
    told = run(tmp_path, "init", "marketing", "--dbt", str(theirs))
    assert told["contacts"] == 4
    assert not (tmp_path / "marketing/dbt").exists()
    check_tick(tmp_path / "marketing", told)


def test_a_large_table_is_looked_at_in_part(postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_server, "ROWS_AT_MOST", 30)
    done = start(Wanted(tmp_path / "shop", filled(postgres), schemas=("crm",)))
    assert done is not None
    assert "crm.customers: only 30 of its rows were looked at" in done.left_out


@pytest.mark.parametrize(
    ("address", "schemas", "told"),
    [
        pytest.param("{url}", ["crn"], "--schema crn: {where} has no such schema with a table in it (did you mean",
                     id="no such schema"),
        pytest.param("postgresql://me:p4ss-w0rd@127.0.0.1:1/shop", [], "cannot open the warehouse shop on 127.0.0.1",
                     id="no server"),
        pytest.param("postgresql://me:p4ss-w0rd@127.0.0.1", [], "--from postgresql://... has no dbname, which",
                     id="no database"),
        pytest.param("postgresql://me@127.0.0.1/shop?application_name=x", [], "says application_name, which a target",
                     id="a word that dbt does not know"),
        pytest.param("postgresql://me@127.0.0.1/shop?nonsense=x", [], "is no address of a database", id="a wrong word"),
        pytest.param("{empty}", [], "has no tables that tests may read", id="empty"),
        pytest.param("{taken}", [], "has tables in a schema segflow already", id="another project"),
    ],
)  # fmt: skip
def test_what_is_refused(postgres: Server, tmp_path: Path, address: str, schemas: list[str], told: str) -> None:
    url = ""
    if address.startswith("{"):
        sql = {
            "{url}": TABLES,
            "{empty}": "",
            "{taken}": f"{TABLES} CREATE SCHEMA segflow; CREATE TABLE segflow.ticks ()",
        }
        url = filled(postgres, sql[address])
    named = conninfo_to_dict(url) if url else {}
    with pytest.raises(InputError) as error:
        start(Wanted(tmp_path / "shop", url or address, schemas=schemas))
    assert told.replace("{where}", f"{named.get('dbname')} on {named.get('host')}") in str(error.value)
    assert "p4ss" not in str(error.value)
    assert not (tmp_path / "shop").exists()


def test_a_dbt_project_of_which_nothing_is_built(postgres: Server, tmp_path: Path) -> None:
    theirs = made.make(tmp_path / "theirs", postgres.new_database()) / "dbt"
    with pytest.raises(InputError, match=r"no model of .* is built in d\d+ on 127.0.0.1. Build them, and say it again"):
        start(Wanted(tmp_path / "shop", None, dbt=DbtPlace(theirs)))
