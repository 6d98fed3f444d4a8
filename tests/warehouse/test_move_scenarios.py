"""Scenarios that begin on DuckDB and end on Postgres: what must come of each tick is the same."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from segflow.errors import InputError
from segflow.flows.advance import enrollments_view
from segflow.rebuild.carry import carry, write_files
from segflow.rebuild.other_words import OtherWords, other_words
from segflow.stages.tick_report import TickReport
from segflow.warehouse.ledgers import LedgerFiles
from tests.postgres import Server
from tests.postgres_world import PostgresWorld
from tests.scenarios.runner import Scenario, scenarios
from tests.world import COLUMNS, World

ALL = {name: content for name, content in scenarios().items() if len(content["ticks"]) > 1}
CHOSEN = list(ALL) if "SEGFLOW_POSTGRES_WHOLE" in os.environ else list(ALL)[::18]


class Moving(Scenario):
    """A scenario that moves as soon as half of its ticks are over and nothing is in the way."""

    def __init__(
        self,
        content: dict[str, Any],
        root: Path,
        engine: str,
        there: Callable[[Path], World],
        *,
        world: Callable[..., World] = World,
    ) -> None:
        """`there` makes the world that it moves to, which is on `engine`."""
        super().__init__(content, root, world=world)
        self.engine, self.there, self.lived, self.moved = engine, there, 0, False

    def tick(self, at: datetime, *, send: bool = False) -> TickReport:
        report = super().tick(at, send=send)
        self.lived += 1
        told = self.content["ticks"][self.lived - 1]
        if not self.moved and 2 * self.lived >= len(self.content["ticks"]) and "unchanged" not in told:
            self.moved = self._move()
        return report

    def _move(self) -> bool:
        old = self.world
        with old.project.warehouse() as source:
            try:
                told = other_words(old.project.compiled, source, self.engine)
            except InputError as reason:
                if "edited since they were compared last" not in str(reason):
                    raise
                return False
            new = self.there(old.root)
            new.missing = old.missing
            # In these worlds `.sql` segments are written for DuckDB whatever they run on: theirs are no other rules.
            texts = {version: {"compiled_sql": columns["compiled_sql"]} for version, columns in told.versions.items()}
            with new.project.engine.open(keep_ledgers=False) as target:
                target.ensure_tables()
                with target.transaction():
                    carry(source, target, {"segment_versions": OtherWords(texts)})
                target.create_view("flow_enrollments", enrollments_view())
                if new.project.engine.file_backed:
                    write_files(target, LedgerFiles(new.project.ledgers_path))
        old.project.store.close()
        old.close()
        self.world = new
        new.run("CREATE SCHEMA IF NOT EXISTS staging")
        for table in COLUMNS:
            new.rows_of(table, [])
        return True

    def close(self) -> None:
        self.world.project.store.close()
        self.world.close()


@pytest.mark.parametrize("name", CHOSEN)
def test_scenario(postgres: Server, tmp_path: Path, name: str) -> None:
    url = postgres.new_database()

    def there(root: Path) -> World:
        new = PostgresWorld.at(root)
        assert isinstance(new, PostgresWorld)
        new.url = url
        return new

    scenario = Moving(ALL[name], tmp_path, "postgres", there)
    scenario.run()
    scenario.close()
    postgres.drop_database(url)
