# ruff: noqa: E501 (tables: one case per line)
"""The catalog's `imports`: batches that the user's own pipeline loads, and that say no to flows or yes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from segflow.errors import RunError
from tests.imports.test_ticks import MODEL, crossings, day
from tests.world import CATALOG, World

BATCHES: dict[str, Any] = {
    "model": "stg_imports",
    "contact": "customer",
    "imported_at": "loaded_at",
    "trigger_flows": "may_trigger",
    "batch": "batch_id",
}


def described(world: World, **changes: Any) -> None:
    imports = {name: value for name, value in {**BATCHES, **changes}.items() if value is not None}
    text = yaml.safe_dump({**CATALOG, "imports": imports}, sort_keys=False)
    (world.root / "segment_specs/catalog.yml").write_text(text)
    world.project.reload()


def loaded(world: World, *rows: tuple[str, int, int, str]) -> None:
    """(contact, day, hours after it, what it says about flows) of each row."""
    world.run(
        "CREATE OR REPLACE TABLE raw.imports (customer VARCHAR, loaded_at TIMESTAMP, may_trigger BOOLEAN, batch_id INTEGER)"
    )
    for contact, number, hours, may in rows:
        moment = day(number) + timedelta(hours=hours)
        world.run(f"INSERT INTO raw.imports VALUES ('{contact}', '{moment:%Y-%m-%d %H:%M:%S}', {may}, {number})")


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    (tmp_path / "dbt/models/staging/stg_imports.sql").write_text("select * from raw.imports\n")
    described(world)
    world.rows_of("contacts", MODEL)
    world.segment("told", {"where": {"attribute": "score", "gte": 1}})
    loaded(world)
    world.tick(day(0))
    return world


def moved(world: World, number: int) -> list[str]:
    """Let six contacts enter at the tick of a day, and say how."""
    world.rows_of(
        "contacts", [*MODEL, *({"contact_id": f"c{n}", "score": 2.0, "created_at": day(0)} for n in range(6))]
    )
    world.tick(day(number))
    return crossings(world, number)


def test_batches_since_the_tick_before_that_said_no(world: World) -> None:
    loaded(
        world,
        ("c0", 1, 0, "false"), ("c1", 0, 1, "NULL"), ("c2", 1, 0, "true"), ("c3", 0, 0, "false"), ("c4", 1, 1, "false"),
    )  # fmt: skip
    assert moved(world, 1) == [
        "c0 enters told import",
        "c1 enters told import",
        "c2 enters told data!",
        "c3 enters told data!",  # as early as the tick before, which has seen it
        "c4 enters told data!",  # later than this tick
        "c5 enters told data!",
    ]
    marks = world.rows("SELECT contact_id, import_id FROM segflow.import_marks ORDER BY contact_id")
    assert [(row["contact_id"], row["import_id"]) for row in marks] == [("c0", "1"), ("c1", "0")]
    world.rows_of("contacts", MODEL)
    world.tick(day(2))
    assert {line.split()[3] for line in crossings(world, 2)} == {"gone"}
    world.check_replay()


@pytest.mark.parametrize("unit", ["seconds", "milliseconds"])
def test_the_time_of_a_batch_as_a_number(world: World, unit: str) -> None:
    described(world, imported_at={"column": "loaded_at", "unix": unit})
    loaded(world, ("c0", 1, 0, "false"), ("c3", 0, 0, "false"), ("c4", 1, 1, "false"))
    scale = 1 if unit == "seconds" else 1000
    world.run(
        "CREATE OR REPLACE TABLE raw.imports AS SELECT * REPLACE "
        f"(CAST(epoch(loaded_at) AS BIGINT) * {scale} AS loaded_at) FROM raw.imports"
    )
    causes = {line.split()[0]: line.split()[-1] for line in moved(world, 1)}
    assert {name for name, cause in causes.items() if cause == "import"} == {"c0"}


@pytest.mark.parametrize(("answer", "cause"), [(False, "import"), (True, "data!")])
def test_one_answer_for_all_and_no_batch(world: World, answer: bool, cause: str) -> None:
    described(world, trigger_flows=answer, batch=None)
    loaded(world, *((f"c{number}", 1, 0, "NULL") for number in range(6)))
    assert moved(world, 1) == [f"c{number} enters told {cause}" for number in range(6)]


FAULTS = {
    "a column that is not there": ("select customer, batch_id, may_trigger from raw.imports", r"model stg_imports has no column loaded_at \(the time of imports, segment_specs/catalog.yml:\d+\)"),
    "an answer that is none": ("select * replace ('perhaps' as may_trigger) from raw.imports", "is to be a boolean, and none of its values is one, for example perhaps"),
    "a model that fails": ("select * from raw.gone", "model stg_imports .*failed"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_imports_that_cannot_be_read_stop_the_tick(world: World, fault: str) -> None:
    """A crossing that triggers cannot be called back."""
    model, told = FAULTS[fault]
    loaded(world, ("c0", 1, 0, "false"))
    path = world.root / "dbt/models/staging/stg_imports.sql"
    good = path.read_text()
    path.write_text(model)
    world.project.models.forget()
    with pytest.raises(RunError, match=f"the imports of the catalog cannot be read: .*{told}"):
        moved(world, 1)
    path.write_text(good)
    world.project.models.forget()
    assert moved(world, 1)[0] == "c0 enters told import"
