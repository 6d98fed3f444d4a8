"""What the demos on servers have in common: the project in a folder of its own, and the shop's raw tables."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

from sqlglot import exp

from demo.shop import ShopSummary, raw_tables
from segflow.warehouse.base import Warehouse

_PARTS = ("segflow.yml", "segment_specs", "flow_specs", "dbt")
_GENERATED = shutil.ignore_patterns("segflow", "target", "logs", ".user.yml", "profiles.yml")


def copy_project(repository: Path, root: Path, others: Path | None = None) -> None:
    """Bring the repository's project to `root`, with the files of `others` in place of those that say something in the
    embedded engine's own words."""
    root.mkdir(parents=True, exist_ok=True)
    for part in _PARTS:
        source = repository / part
        if source.is_dir():
            shutil.copytree(source, root / part, ignore=_GENERATED, dirs_exist_ok=True)
        else:
            shutil.copy(source, root / part)
    if others is not None:
        shutil.copytree(others, root, dirs_exist_ok=True)


def build_shop(warehouse: Warehouse) -> ShopSummary:
    """The shop's raw tables, as the other demo has them, in schema `raw` of a warehouse."""
    made, tables = raw_tables()
    warehouse.execute(exp.Create(this=exp.Table(this=exp.to_identifier("raw")), kind="SCHEMA", exists=True))
    for name, rows in tables.items():
        table = exp.table_(name, db="raw")
        staged = warehouse.stage(name, rows)
        warehouse.execute(exp.Drop(tables=[table.copy()], kind="TABLE", exists=True, cascade=True))
        warehouse.execute(exp.Create(this=table, kind="TABLE", expression=exp.select("*").from_(staged)))
    return made


def free_port() -> int:
    """A port of loopback that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
