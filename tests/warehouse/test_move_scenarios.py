"""Scenarios that begin on DuckDB and end on Postgres: what must come of each tick is the same."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from segflow.errors import InputError
from segflow.flows.advance import enrollments_view
from segflow.rebuild.carry import carry
from segflow.rebuild.other_words import OtherWords, other_words
from segflow.stages.tick_report import TickReport
from tests.postgres import Server
from tests.postgres_world import PostgresWorld
from tests.scenarios.runner import Scenario, scenarios
from tests.world import COLUMNS

ALL = {name: content for name, content in scenarios().items() if len(content["ticks"]) > 1}
CHOSEN = list(ALL) if "SEGFLOW_POSTGRES_WHOLE" in os.environ else list(ALL)[::18]


class Moving(Scenario):
    """A scenario that moves as soon as half of its ticks are over and nothing is in the way."""

    def __init__(self, content: dict[str, Any], root: Path, url: str) -> None:
        super().__init__(content, root)
        self.url, self.lived, self.moved = url, 0, False

    def tick(self, at: datetime, *, send: bool = False) -> TickReport:
        report = super().tick(at, send=send)
        self.lived += 1
        told = self.content["ticks"][self.lived - 1]
        if not self.moved and 2 * self.lived >= len(self.content["ticks"]) and "unchanged" not in told:
            self.moved = self._move()
        return report

    def _move(self) -> bool:
        old = self.world
        new = PostgresWorld.at(old.root)
        assert isinstance(new, PostgresWorld)
        new.url, new.missing = self.url, old.missing
        with old.project.warehouse() as source, new.project.engine.open() as target:
            try:
                told = other_words(old.project.compiled, source, "postgres")
            except InputError as reason:
                if "edited since they were compared last" not in str(reason):
                    raise
                return False
            # In these worlds `.sql` segments are written for DuckDB whatever they run on: theirs are no other rules.
            texts = {version: {"compiled_sql": columns["compiled_sql"]} for version, columns in told.versions.items()}
            target.ensure_tables()
            with target.transaction():
                carry(source, target, {"segment_versions": OtherWords(texts)})
            target.create_view("flow_enrollments", enrollments_view())
        old.project.store.close()
        old.close()
        self.world = new
        with psycopg.connect(self.url) as connection:
            connection.execute("CREATE SCHEMA staging")
        for table in COLUMNS:
            new.rows_of(table, [])
        return True


@pytest.mark.parametrize("name", CHOSEN)
def test_scenario(postgres: Server, tmp_path: Path, name: str) -> None:
    url = postgres.new_database()
    scenario = Moving(ALL[name], tmp_path, url)
    scenario.run()
    scenario.world.project.store.close()
    scenario.world.close()
    postgres.drop_database(url)
