"""A small project in a folder, with a world of contacts that tests change between ticks."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import yaml

from segflow.crossings import names
from segflow.crossings.names import NAMED
from segflow.project import Progress, Project
from segflow.rebuild.replay import REPLAYED, replayed
from segflow.stages.tick_report import TickReport
from segflow.warehouse.ledgers import LedgerFiles
from segflow.warehouse.sqlfile import load_query
from segflow.warehouse.tables import TABLES
from tests.direct_dbt import DirectProject

CATALOG: dict[str, Any] = {
    "contacts": {
        "model": "stg_contacts",
        "created_at": "created_at",
        "attributes": {
            "city": "text",
            "age": "number",
            "email": "text",
            "phone": "text",
            "subscribed": "boolean",
            "score": {"type": "number", "written_by": "both"},
            "stage": {"type": "text", "written_by": "flows"},
            "birthday": "date",
            "renews_at": "timestamp",
            "zone": "text",
            "likes": "text",
        },
        "time_zone": "zone",
        "channels": {"email": {"address": "email"}, "sms": {"address": "phone"}, "whatsapp": {"address": "phone"}},
        "default_channel": "likes",
    },
    "events": [
        {
            "model": "stg_events",
            "name": "name",
            "at": "at",
            "id": "id",
            "payload": {"column": "properties", "format": "json"},
            "types": {
                "purchase": {"category": "text", "amount": "number"},
                "visit": {},
                "booking": {"starts_at": "timestamp", "last_day": "date"},
            },
        }
    ],
    "lists": {"model": "stg_lists", "added_at": "added_at"},
    "tags": {"model": "stg_tags", "added_at": "added_at"},
    "topics": {"news": {"default": "opted_in", "attribute": "subscribed"}, "tips": {"default": "opted_out"}},
}
COLUMNS: dict[str, dict[str, pa.DataType]] = {
    "contacts": {
        "contact_id": pa.string(),
        "city": pa.string(),
        "age": pa.int64(),
        "email": pa.string(),
        "phone": pa.string(),
        "subscribed": pa.bool_(),
        "score": pa.float64(),
        "created_at": pa.timestamp("us"),
        "birthday": pa.date32(),
        "renews_at": pa.timestamp("us"),
        "zone": pa.string(),
        "likes": pa.string(),
    },
    "events": {
        "contact_id": pa.string(),
        "name": pa.string(),
        "at": pa.timestamp("us"),
        "id": pa.string(),
        "properties": pa.string(),
    },
    "lists": {"contact_id": pa.string(), "name": pa.string(), "added_at": pa.timestamp("us"), "status": pa.string()},
    "tags": {"contact_id": pa.string(), "name": pa.string(), "added_at": pa.timestamp("us")},
}
_DBT_PROJECT = {
    "name": "world",
    "version": "1.0.0",
    "profile": "segflow",
    "model-paths": ["models"],
    "macro-paths": ["macros"],
    "flags": {"send_anonymous_usage_stats": False},
    "models": {
        "world": {"staging": {"+materialized": "view", "+schema": "staging"}, "segflow": {"+schema": "segflow"}}
    },
}
_SCHEMA_NAME = """{%- macro generate_schema_name(custom_schema_name, node) -%}
    {{ target.schema if custom_schema_name is none else custom_schema_name | trim }}
{%- endmacro %}
"""
_PROFILES = {
    "segflow": {
        "target": "duckdb",
        "outputs": {
            "duckdb": {
                "type": "duckdb",
                "path": "{{ env_var('SEGFLOW_WAREHOUSE') }}",
                "threads": 1,
                "settings": {"TimeZone": "UTC"},
            }
        },
    }
}
LEDGERS: dict[str, str] = {
    "ticks": "tick_id, as_of, stage, status, contacts, null_contacts, previous_tick, ledger_rows",
    "segment_versions": "* exclude (spec)",
    "segment_state": "*",
    "segment_members": "*",
    "segment_entries": "*",
    "segment_exits": "*",
    "segment_sizes": "*",
    "contact_state": "*",
    "contact_changes": "*",
    "flow_versions": "*",
    "flow_cursors": "*",
    "flow_offers": "* exclude (id, decided_by, decided_at)",
    "flow_events": "*",
    "flow_event_triggers": "*",
    "flow_enrollment_starts": "*",
    "flow_enrollment_ends": "*",
    "flow_positions": "*",
    "flow_moves": "*",
    "flow_waiting": "*",
    "flow_waits": "*",
    "flow_withheld": "*",
    "flow_conversions": "*",
    "flow_restart_state": "*",
    "flow_restart_changes": "*",
    "flow_journal": "*",
    "contact_updates": "*",
    "flow_renames": "*",
    "flow_removals": "* exclude (id, decided_by, decided_at)",
    "imports": "* exclude (decided_by, decided_at)",
    "contact_imports": "*",
    "contact_takeovers": "*",
    # The salt of the hashes is another one in each store.
    "contact_deletions": "* exclude (addresses)",
    "contact_restores": "* exclude (id, decided_by, decided_at)",
    "import_marks": "*",
    "attribute_history": "*",
    "outbox": "*",
    "flow_calls": "*",
    "coupon_claims": "*",
    "tasks": "*",
    "decisions": "* exclude (id, decided_by, decided_at)",
    "deliveries": "* exclude (recorded_at)",
    "message_events": "*",
    "consent_changes": "*",
    "segment_exports": "*",
}
"""Every table that must be the same however a tick was interrupted, less the columns that hold the wall clock."""
_LAST_NAMES = load_query(Path(names.__file__).parent / "sql/last_names.sql").sql(dialect="duckdb")

_RENAMES = "SELECT renamed_from, flow, tick_id FROM segflow.flow_renames ORDER BY tick_id, ordinal"

_LIVED: dict[Callable[[Path], World], dict[Path, bytes | None]] = {}
"""What makes a world -> the files that it left, and None for the folders."""


class World:
    """A project below `root`. `real` runs dbt itself."""

    def __init__(
        self,
        root: Path,
        *,
        real: bool = False,
        settings: Mapping[str, Any] | None = None,
        contacts: Mapping[str, Any] | None = None,
        catalog: Mapping[str, Any] | None = None,
    ) -> None:
        """`contacts`: what the catalog says of contacts beside `CATALOG`; `catalog`: what it says of all else."""
        self.root, self.real = root, real
        self.missing: set[str] = set()
        self._write("segflow.yml", {"name": "world", **(settings or {})})
        self._write(
            "segment_specs/catalog.yml",
            {**CATALOG, **(catalog or {}), "contacts": {**CATALOG["contacts"], **(contacts or {})}},
        )
        self._write("dbt/dbt_project.yml", _DBT_PROJECT)
        self._write("dbt/profiles.yml", _PROFILES)
        (root / "dbt/macros").mkdir()
        (root / "dbt/macros/generate_schema_name.sql").write_text(_SCHEMA_NAME, encoding="utf-8")
        (root / "flow_specs").mkdir(exist_ok=True)
        staging = root / "dbt/models/staging"
        staging.mkdir(parents=True)
        (root / ".segflow").mkdir()
        self._open: duckdb.DuckDBPyConnection | None = None
        if not real:
            self.stay_open()
        for table in COLUMNS:
            staging.joinpath(f"stg_{table}.sql").write_text(f"select * from raw.{table}\n", encoding="utf-8")
            self.rows_of(table, [])

    @classmethod
    def at(cls, root: Path) -> World:
        """The world of a folder that is there already. It opens the warehouse only while it works with it."""
        world = cls.__new__(cls)
        world.root, world.real, world.missing, world._open = root, False, set(), None
        return world

    @classmethod
    def copy_of(cls, other: World, root: Path) -> World:
        """The same project and everything it has lived through, in folder `root`. `other` must be closed."""
        shutil.copytree(other.root, root, dirs_exist_ok=True)
        return cls.at(root).stay_open()

    @classmethod
    def again(cls, life: Callable[[Path], World], root: Path) -> World:
        """The world that `life` makes, in folder `root`. It is lived once in this process; all are copies of that."""
        if life not in _LIVED:
            with tempfile.TemporaryDirectory() as folder:
                first = life(Path(folder) / "world")
                first.project.store.close()
                first.close()
                _LIVED[life] = {
                    path.relative_to(first.root): path.read_bytes() if path.is_file() else None
                    for path in sorted(first.root.rglob("*"))
                }
        root.mkdir(parents=True, exist_ok=True)
        for path, content in _LIVED[life].items():
            if content is None:
                root.joinpath(path).mkdir()
            else:
                root.joinpath(path).write_bytes(content)
        return cls.at(root).stay_open()

    @cached_property
    def project(self) -> Project:
        return (Project if self.real else DirectProject)(self.root)

    def rows_of(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Make `rows` the whole of a raw table. Columns in `missing` are not there at all."""
        columns = {name: kind for name, kind in COLUMNS[table].items() if f"{table}.{name}" not in self.missing}
        plain = [{name: _naive(row.get(name)) for name in columns} for row in rows]
        given = pa.Table.from_pylist(plain, schema=pa.schema(list(columns.items())))
        with duckdb.connect(str(self.root / ".segflow/warehouse.duckdb")) as connection:
            connection.execute("CREATE SCHEMA IF NOT EXISTS raw")
            connection.register("given", given)
            connection.execute(f"CREATE OR REPLACE TABLE raw.{table} AS SELECT * FROM given")

    def segment(self, name: str, spec: Mapping[str, Any] | str | None) -> None:
        """Write a segment file (a text is a `.sql` segment), or remove it with None."""
        for suffix in ("yml", "sql"):
            (self.root / f"segment_specs/{name}.{suffix}").unlink(missing_ok=True)
        if isinstance(spec, str):
            (self.root / f"segment_specs/{name}.sql").write_text(spec, encoding="utf-8")
        elif spec is not None:
            self._write(f"segment_specs/{name}.yml", spec)
        self.project.reload()

    def catalog(self, spec: Mapping[str, Any]) -> None:
        """Write another catalog."""
        self._write("segment_specs/catalog.yml", spec)
        self.project.reload()

    def flow(self, name: str, spec: Mapping[str, Any] | None) -> None:
        """Write a flow file, or remove it with None."""
        (self.root / f"flow_specs/{name}.yml").unlink(missing_ok=True)
        if spec is not None:
            self._write(f"flow_specs/{name}.yml", spec)
        self.project.reload()

    def tick(self, at: datetime, *, send: bool = False, progress: Progress | None = None) -> TickReport:
        return self.project.tick(at, send=send, progress=progress)

    def run(self, sql: str) -> None:
        """Run a statement."""
        with duckdb.connect(str(self.root / ".segflow/warehouse.duckdb")) as connection:
            connection.execute(sql)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """The rows of a query."""
        with duckdb.connect(str(self.root / ".segflow/warehouse.duckdb")) as connection:
            found: list[dict[str, Any]] = connection.execute(sql).to_arrow_table().to_pylist()
        return found

    def ledgers(self) -> dict[str, list[tuple[Any, ...]]]:
        """All tables of LEDGERS with sorted rows."""
        return ledgers_of(self.root)

    def check_replay(self, *, files: bool = True) -> None:
        """Assert that every state is what its ledgers say, and with `files` that the files hold the same ledgers."""
        last = self.project.last_tick()
        assert last is not None
        with duckdb.connect(str(self.root / ".segflow/warehouse.duckdb")) as connection:

            def rows(table: str, query: str) -> list[str]:
                return sorted(map(repr, connection.execute(f"SELECT {_columns(table)} FROM {query}").fetchall()))

            for state in REPLAYED:
                replay = replayed(state, last).sql(dialect="duckdb")
                assert rows(state, f"segflow.{state}") == rows(state, f"({replay})"), state
            if files:
                last_names = dict(connection.execute(_LAST_NAMES).fetchall())
                renames = connection.execute(_RENAMES).fetchall()
                for table in (table for table in TABLES.values() if table.ledger):
                    kept = LedgerFiles(self.project.ledgers_path).read_all(table.name).to_pylist()
                    if table.name in NAMED:
                        # The files keep the name that a segment had then, the warehouse shows its last one.
                        kept = [row | {"segment": last_names[row["segment_key"]]} for row in kept]
                    if table.name != "flow_renames":
                        kept = [_renamed(table.name, row, renames) for row in kept]
                    shown = sorted(repr(tuple(row[name] for name in table.columns)) for row in kept)
                    assert shown == rows(table.name, f"segflow.{table.name}"), table.name

    def mailbox(self) -> list[str]:
        """The files that the mailbox holds."""
        folder = self.root / ".segflow/mailbox"
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())

    def stay_open(self) -> World:
        """Keep the warehouse open: DuckDB opens a file in 50 ms, and further connections of a process cost nothing."""
        self._open = duckdb.connect(str(self.root / ".segflow/warehouse.duckdb"))
        return self

    def close(self) -> None:
        """Let other processes have the warehouse."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _write(self, path: str, content: Any) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def ledgers_of(root: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All tables of LEDGERS of the project in `root`, with sorted rows."""
    with duckdb.connect(str(root / ".segflow/warehouse.duckdb")) as connection:
        return {
            table: sorted(connection.execute(f"SELECT {columns} FROM segflow.{table}").fetchall(), key=repr)
            for table, columns in LEDGERS.items()
        }


def _renamed(table: str, row: dict[str, Any], renames: Sequence[tuple[str, str, str]]) -> dict[str, Any]:
    """A row of a ledger file with the name that its flow has now."""
    column = "name" if table == "decisions" and row["kind"] in ("flow", "pause", "resume") else "flow"
    for old, new, tick in renames:
        if row.get(column) == old and row["tick_id"] < tick:
            row = row | {column: new}
    return row


def _columns(table: str) -> str:
    return ", ".join(f'"{column}"' for column in TABLES[table].columns)


def _naive(value: Any) -> Any:
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) and value.tzinfo else value
