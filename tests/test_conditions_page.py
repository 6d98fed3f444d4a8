"""docs/CONDITIONS.md: every example runs against the page's own catalog, and every word that specs accept is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import duckdb
import pytest
import sqlglot
import yaml
from pydantic import BaseModel
from sqlglot import exp

from segflow.errors import SpecError
from segflow.specs.catalog import ListSource
from segflow.specs.columns import Attribute, TimeColumn
from segflow.specs.conditions import CONDITION_MODELS, PROPERTY_MODELS
from segflow.specs.load import load_specs
from segflow.specs.project import Specs
from segflow.specs.spec_file import parse_spec_file
from segflow.warehouse import words
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse
from segflow.warehouse.engines import words as engine_words
from tests.segments.engine import Engine
from tests.segments.naive import World

PAGE = (Path(__file__).parents[1] / "docs/CONDITIONS.md").read_text(encoding="utf-8")
FLOWS = "## In flows"
AS_OF = datetime(2026, 3, 1, tzinfo=UTC)
_BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`(\{[^`]*\})`")
_COLUMNS = {
    "text": "VARCHAR", "number": "DOUBLE", "integer": "BIGINT", "boolean": "BOOLEAN", "date": "DATE",
    "timestamp": "TIMESTAMP", "list_of_text": "VARCHAR[]",
}  # fmt: skip


def examples(text: str) -> list[Any]:
    """The conditions of a part of the page: those in a line of text, and the `where:` of whole segments."""
    found = [_read(span) for span in _SPAN.findall(_BLOCK.sub("", text))]
    return found + [_read(block)["where"] for block in _BLOCK.findall(text) if block.startswith("where:")]


def _read(text: str) -> Any:
    source = parse_spec_file(text, "CONDITIONS.md")
    assert not source.issues, f"{text}: {source.issues}"
    return source.data


SEGMENTS = examples(PAGE.partition(FLOWS)[0])
IN_FLOWS = examples(PAGE.partition(FLOWS)[2])
(CATALOG,) = (block for block in _BLOCK.findall(PAGE) if block.startswith("# segment_specs/catalog.yml"))


@pytest.fixture(scope="module")
def specs(tmp_path_factory: pytest.TempPathFactory) -> Specs:
    """A project with a segment for every example, and one flow that ends for each of those that are about flows."""
    root = tmp_path_factory.mktemp("page")
    for folder in ("segment_specs", "flow_specs"):
        (root / folder).mkdir()
    (root / "segflow.yml").write_text("name: page\n", encoding="utf-8")
    (root / "segment_specs/catalog.yml").write_text(CATALOG, encoding="utf-8")
    for number, condition in enumerate(SEGMENTS, 1):
        _write(root / f"segment_specs/example_{number}.yml", {"where": condition})
    steps = [{"id": "hello", "send_email": {"subject": "Hello", "text": "Hello"}}, {"id": "wait", "wait": "1 day"}]
    triggers = {"any": [{"enters": "example_1"}, {"event": "purchase"}]}
    flow = {"trigger": triggers, "exit_when": IN_FLOWS, "steps": steps}
    _write(root / "flow_specs/welcome.yml", flow)
    try:
        return load_specs(root)
    except SpecError as error:
        pytest.fail(str(error))


def _write(path: Path, content: Any) -> None:
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def test_every_example_is_evaluated(specs: Specs, tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE SCHEMA raw")
        for model, columns in _tables(specs).items():
            described = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
            connection.execute(f"CREATE TABLE raw.{model} ({described})")
        connection.execute("INSERT INTO raw.stg_contacts (contact_id) VALUES ('ana')")
    with DuckDBWarehouse(path) as warehouse:
        warehouse.ensure_tables()
        engine = Engine(warehouse, specs, AS_OF)
        engine.build()
        found = engine.memberships()
    assert len(found) == len(SEGMENTS) > 40
    rules = {name: segment.spec.where for name, segment in specs.segments.items()}  # type: ignore[union-attr]
    tables: dict[str, list[dict[str, Any]]] = {model: [] for model in _tables(specs)}
    tables["stg_contacts"] = [dict.fromkeys(_tables(specs)["stg_contacts"]) | {"contact_id": "ana"}]
    world = World(specs.catalog, ZoneInfo("UTC"), AS_OF, tables, segments=rules)
    world.expressions = {"length(city) > 10 and lower(city) = lower(billing_city)": lambda row: None}
    assert found == {name: world.members(rule) for name, rule in rules.items()}


UNIX_TIMES = re.findall(r"^\| `\w+: (\{.*?unix.*?\})` \| `(.*?)` \| `?(missing|[0-9TZ:.-]+)", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("said", "number", "time"), UNIX_TIMES)
def test_times_that_are_numbers(said: str, number: str, time: str) -> None:
    read = words.UNIX[_read(said)["unix"]][0](sqlglot.parse_one(number, dialect="duckdb"))
    sql = engine_words().sql(exp.select(read))
    [(found,)] = duckdb.sql(sql).fetchall()
    assert found == (None if time == "missing" else datetime.fromisoformat(time).replace(tzinfo=None))


def test_the_table_of_times_is_read() -> None:
    assert len(UNIX_TIMES) == 5


def _time(time: TimeColumn | None) -> dict[str, str]:
    return {} if time is None else {time.column: "TIMESTAMP" if time.unix is None else "BIGINT"}


def _tables(specs: Specs) -> dict[str, dict[str, str]]:
    """The user's models as the catalog describes them."""
    catalog = specs.catalog
    tables: dict[str, dict[str, str]] = {}

    def add(model: str, names: dict[str | None, str], attributes: dict[str, Attribute]) -> None:
        columns = tables.setdefault(model, {})
        columns.update({name: kind for name, kind in names.items() if name is not None})
        columns.update({a.column or name: "BIGINT" if a.unix else _COLUMNS[a.type] for name, a in attributes.items()})

    contacts = catalog.contacts
    add(contacts.model, {contacts.key: "VARCHAR", **_time(contacts.created_at)}, contacts.attributes)
    for source in catalog.events:
        assert source.payload is not None
        names: dict[str | None, str] = {source.contact: "VARCHAR", **_time(source.at), source.name: "VARCHAR"}
        add(source.model, {**names, source.payload.column: "VARCHAR"}, {})
    for spec in catalog.objects.values():
        add(spec.model, {spec.key: "VARCHAR", spec.via: "VARCHAR", **_time(spec.created_at)}, spec.fields)
    for label in (catalog.lists, catalog.tags):
        assert label.model is not None
        stands = {label.status: "VARCHAR"} if isinstance(label, ListSource) and label.status is not None else {}
        add(label.model, {label.contact: "VARCHAR", label.name: "VARCHAR", **_time(label.added_at), **stands}, {})
    return tables


def accepted_keys(annotation: Any, seen: set[type[BaseModel]]) -> Iterator[str]:
    """Every key of the models that an annotation is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and annotation not in seen:
        seen.add(annotation)
        for name, field in annotation.model_fields.items():
            yield field.alias or name
            yield from accepted_keys(field.annotation, seen)
            for extra in field.metadata:
                yield from accepted_keys(extra, seen)
    for inner in get_args(annotation):
        yield from accepted_keys(inner, seen)


def _shown(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        for inner in value.values():
            yield from _shown(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _shown(inner)


def test_every_accepted_key_has_an_example() -> None:
    seen: set[type[BaseModel]] = set()
    models = [*CONDITION_MODELS.values(), *PROPERTY_MODELS.values()]
    accepted = {key for model in models for key in accepted_keys(model, seen)}
    assert {"is", "within_next", "property", "count_distinct"} <= accepted
    assert accepted - set(_shown([*SEGMENTS, *IN_FLOWS])) == set()
