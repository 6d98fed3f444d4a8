"""A small project on a database, as people have it: seeds or tables that are there, staging models, dbt-postgres."""

from __future__ import annotations

from pathlib import Path

import psycopg
import yaml
from psycopg.conninfo import conninfo_to_dict

from segflow.warehouse.tables import TABLES

SEEDS = {
    "customers": "customer_id,email,city,wants,signed_up_at\n"
    "ana,ana@example.com,London,true,2026-01-01 08:00:00\n"
    "ben,ben@example.com,Köln,true,2026-01-02 08:00:00\n"
    "cleo,cleo@example.com,ÄÖÜSTADT,false,2026-01-03 08:00:00\n"
    "dora,,Paris,true,2026-01-04 08:00:00\n",
    "orders": "order_id,customer_id,ordered_at,amount,payload\n"
    'o1,ana,2026-01-05 10:00:00,10.50,"{""category"": ""Tea"", ""gift"": true}"\n'
    'o2,ana,2026-01-06 10:00:00,20,"{""category"": ""Cups""}"\n'
    'o3,ben,2026-01-07 10:00:00,5,"{""category"": ""Tea""}"\n'
    'o4,cleo,2026-01-10 10:00:00,100,"no json"\n',
}
TYPES = {
    "customers": {
        "customer_id": "text", "email": "text", "city": "text", "wants": "boolean", "signed_up_at": "timestamp",
    },
    "orders": {
        "order_id": "text", "customer_id": "text", "ordered_at": "timestamptz", "amount": "numeric(12, 2)",
        "payload": "text",
    },
}  # fmt: skip
LONG = "people_who_bought_anything_at_all_and_have_an_id_of_60_chars"
STAGED = {
    "customers": "select customer_id as contact_id, email, city, wants, signed_up_at from {from_}",
    "orders": "select order_id, customer_id as contact_id, ordered_at, amount, payload from {from_}",
}
FILES = {
    "dbt/dbt_project.yml": "name: shop\nversion: '1.0.0'\nprofile: shop\nmodel-paths: [models]\nseed-paths: [seeds]\n"
    "flags: {send_anonymous_usage_stats: false}\n"
    "models: {shop: {staging: {+materialized: view}}}\n"
    + yaml.safe_dump({"seeds": {"shop": {name: {"+column_types": kinds} for name, kinds in TYPES.items()}}}),
    "segment_specs/catalog.yml": """\
contacts:
  model: stg_customers
  created_at: signed_up_at
  attributes: {email: text, city: {type: text, written_by: both}, wants: boolean}
  channels: {email: {address: email, consent: wants}}
events:
  - model: stg_orders
    event: purchase
    at: ordered_at
    payload: {column: payload, format: json}
    properties: {category: text, gift: boolean}
objects:
  order: {model: stg_orders, key: order_id, via: contact_id, created_at: ordered_at, fields: {amount: number}}
""",
    "segment_specs/tea_lovers.yml": """\
description: Bought tea in the last week
where: {event: purchase, where: {property: category, is: tea, ignore_case: true}, within_last: 7 days, count: {gte: 1}}
on_create: trigger
tests:
  - name: a cup is no tea
    as_of: 2026-01-10
    contacts: [{contact_id: a}, {contact_id: b}]
    events:
      - {contact_id: a, event: purchase, at: 2026-01-09, category: TEA}
      - {contact_id: b, event: purchase, at: 2026-01-09, category: Cups}
    members: [a]
""",
    f"segment_specs/{LONG}.yml": "where: {object: order, count: {gte: 1}}\n",
    "segment_specs/umlauts.yml": "where: {attribute: city, matches: '(?i)^[äk]ö'}\n",
    "segment_specs/big_spenders.sql": """\
/*
description: Spent 20 or more
*/
select contact_id
from {{ ref('stg_orders') }}
where ordered_at > {{ as_of() }} - interval '30 days' and ordered_at <= {{ as_of() }}
group by contact_id
having sum(amount)::numeric >= 20
""",
    "flow_specs/welcome_tea.yml": """\
status: active
trigger: {enters: tea_lovers}
reentry: always
steps:
  - {id: hello, send_email: {subject: Tea, text: "Hello {{ contact.email }}"}}
  - {id: think, wait: 1 day}
  - {id: tag, add_tag: tea_drinker}
tests:
  - name: is greeted
    ticks:
      - at: 2026-01-10
        contacts: [{contact_id: a, email: a@example.com, wants: true}]
        segments: {tea_lovers: [a]}
        expect: {messages: {a: hello}}
""",
}


def profile(url: str, **more: object) -> str:
    """A profile that leads to a database."""
    at = conninfo_to_dict(url)
    output = {
        "type": "postgres", "host": at["host"], "port": int(at["port"]), "user": at["user"], "threads": 1,
        "password": at.get("password") or "not asked for", "dbname": at["dbname"], "schema": "shop", **more,
    }  # fmt: skip
    return yaml.safe_dump({"shop": {"target": "server", "outputs": {"server": output}}})


def make(root: Path, url: str, *, seeds: bool = True, **files: str) -> Path:
    """Write a project that works on the database at `url`. `seeds`: its raw data are CSV files that dbt loads;
    otherwise they are tables of schema `raw`, which are made."""
    told = {**FILES, "dbt/profiles.yml": profile(url), "segflow.yml": "name: shop\n", **files}
    for name, rows in SEEDS.items():
        if seeds:
            told[f"dbt/seeds/{name}.csv"] = rows
            told[f"dbt/models/staging/stg_{name}.sql"] = STAGED[name].format(from_=f"{{{{ ref('{name}') }}}}")
        else:
            told[f"dbt/models/staging/stg_{name}.sql"] = STAGED[name].format(from_=f"{{{{ source('raw', '{name}') }}}}")
    if not seeds:
        told["dbt/models/staging/sources.yml"] = yaml.safe_dump(
            {"version": 2, "sources": [{"name": "raw", "schema": "raw", "tables": [{"name": name} for name in SEEDS]}]}
        )
        load(url)
    for name, text in told.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def load(url: str, **rows: str) -> None:
    """The raw tables, with the rows of SEEDS or these."""
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA IF NOT EXISTS raw")
        for name, kinds in TYPES.items():
            columns = ", ".join(f"{column} {kind}" for column, kind in kinds.items())
            cursor.execute(f"CREATE TABLE IF NOT EXISTS raw.{name} ({columns})".encode())
            cursor.execute(f"TRUNCATE raw.{name}".encode())
            with cursor.copy(f"COPY raw.{name} FROM STDIN (FORMAT csv, HEADER true)".encode()) as copy:
                copy.write(rows.get(name, SEEDS[name]))


HOSTILE = (
    "TimeZone TO 'America/New_York'",
    "DateStyle TO 'German, DMY'",
    "search_path TO nowhere",
    "bytea_output TO escape",
)
"""What a database may say of its sessions, and what must not matter."""


def hostile(url: str) -> None:
    """Let every session of the database begin with settings that nobody would want."""
    name = str(conninfo_to_dict(url)["dbname"])
    with psycopg.connect(url, autocommit=True) as connection:
        for setting in HOSTILE:
            connection.execute(f"ALTER DATABASE {name} SET {setting}".encode())


def beside(url: str) -> str:
    """A delivery store in a schema of its own of the same database, which is made."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA IF NOT EXISTS segflow_delivery")
    return f"{url}?options=-csearch_path%3Dsegflow_delivery"


def ledgers(url: str) -> dict[str, list[str]]:
    """The rows of every table of segflow's that a tick writes, less wall clocks."""
    found = {}
    with psycopg.connect(url, autocommit=True, options="-c TimeZone=UTC -c search_path=") as connection:
        for table, columns in TABLES.items():
            kept = [name for name in columns.columns if name not in _WALL]
            if table == "model_builds":
                # What a build has found to do depends on those before it; what the tables are whole for does not.
                kept = ["model", "tick_id", "as_of", "fingerprint"]
            listed = ", ".join(f'"{name}"' for name in kept)
            rows = connection.execute(f'SELECT {listed} FROM segflow."{table}"'.encode()).fetchall()
            found[table] = sorted(map(repr, rows))
    return found


_WALL = ("started_at", "finished_at", "recorded_at", "seconds", "decided_at", "written_at")
