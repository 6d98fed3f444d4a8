"""Is the whole set-up there that a tick needs? Asked by `validate` and `doctor`, and by a first tick that failed.

Every question collects all that is wrong, each with the place where the catalog names it and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from segflow.models.column_types import is_text
from segflow.models.user_models import Column, UserModels, attribute_column, catalog_columns, contact_columns
from segflow.models.user_models import import_columns as columns_of_imports
from segflow.specs.data_files import missing_files
from segflow.specs.project import Specs
from segflow.specs.spec_file import read_spec_file
from segflow.ticks.context import TickContext
from segflow.warehouse.base import Warehouse
from segflow.warehouse.dbt import DbtProject, Need

_CATALOG = "segment_specs/catalog.yml"
_TIMED = ("date", "timestamp", "boolean", "number", "integer")


@dataclass(frozen=True)
class SetupFault:
    """One thing that is missing or unusable. `place`: where people named it, FILE:LINE:COLUMN."""

    place: str
    what: str
    means: str
    do: str
    stops: bool = False
    """Without it no tick can succeed; otherwise it leaves a part stale, or reads other values than meant."""

    def __str__(self) -> str:
        return f"{self.place}: {self.what}: {self.means}; {self.do}"


def without_connection(specs: Specs) -> list[SetupFault]:
    """What files alone tell: the dbt project, its packages, the data files that its sources name."""
    folder = specs.dbt_dir
    shown = folder.relative_to(specs.root) if folder.is_relative_to(specs.root) else folder
    if not (folder / "dbt_project.yml").exists():
        return [
            SetupFault(
                _at_contacts(specs),
                f"there is no dbt project: {shown}/dbt_project.yml is missing",
                f"nothing builds model {specs.catalog.contacts.model} and the others that the catalog names",
                f"put your dbt project into {shown}",
                True,
            )
        ]
    found = []
    if (folder / "packages.yml").exists() and not (folder / "dbt_packages").is_dir():
        found.append(
            SetupFault(
                f"{shown}/packages.yml:1:1",
                "the packages of the dbt project are not installed",
                "dbt cannot read the project",
                f"run dbt deps --project-dir {shown} --profiles-dir {shown}",
                True,
            )
        )
    for one in missing_files(folder):
        guide = next((name for name in ("README.md", "dbt/README.md") if (specs.root / name).exists()), None)
        told = f"; {guide} of this project says how to get it" if guide else ""
        names = " or ".join(one.variables)
        variable = f", or set {names} to the path where it is" if names else ""
        found.append(
            SetupFault(
                f"{shown}/{one.place}",
                f"the data file {one.path} of source {one.source} is not there",
                "no model that reads it can be built",
                f"put it there{variable}{told}",
            )
        )
    return found


def with_connection(context: TickContext, *, built: bool) -> list[SetupFault]:
    """What the warehouse tells: seeds and tables that are not loaded, columns that are not there, types that cannot be
    used. `built`: dbt has tried to build the models, so that one that cannot be read is a fault."""
    specs, user_models = context.compiled.specs, UserModels(context)
    columns = list(dict.fromkeys(_columns(context)))
    stops = {*contact_columns(context.compiled), *columns_of_imports(context.compiled)}
    unread: dict[str, Column] = {}
    found: list[SetupFault] = []
    for column in columns:
        if user_models.schema(column.model) is None:
            unread.setdefault(column.model, column)
        elif fault := _fault(user_models, column, column in stops):
            found.append(fault)
    needed = not_loaded(context, unread)
    if built and not needed:
        catalog = read_spec_file(specs.root / _CATALOG, _CATALOG)
        for model, column in unread.items():
            where = catalog.place(_model_of(column.loc))
            found.append(
                SetupFault(
                    f"{_CATALOG}:{where[0]}:{where[1]}",
                    f"model {model} cannot be read: {user_models.failed[model]}",
                    "what needs it is stale" if column not in stops else "no tick can run without it",
                    f"mend what the message says; dbt build --select +{model} tries it alone",
                    column in stops,
                )
            )
    return [*needed, *found]


def not_loaded(context: TickContext, models: Iterable[str]) -> list[SetupFault]:
    """The seeds and source tables below `models` that the warehouse does not have."""
    if not models or not isinstance(context.models, DbtProject):
        return []
    needs = context.models.needs(models)
    return missing_needs(context.compiled.specs, (need for need in needs if not _there(context.warehouse, need)))


def missing_needs(specs: Specs, needs: Iterable[Need]) -> list[SetupFault]:
    """What to say of seeds and source tables that are not there."""
    folder = specs.dbt_dir
    shown = folder.relative_to(specs.root) if folder.is_relative_to(specs.root) else folder
    return [
        SetupFault(
            f"{shown}/{need.file}:1:1",
            f"seed {need.name} is not loaded"
            if need.kind == "seed"
            else f"table {need.name} of the source is not in the warehouse",
            f"model {need.reader} reads it",
            f"run dbt seed --project-dir {shown} --profiles-dir {shown}"
            if need.kind == "seed"
            else f"load it into {specs.settings.warehouse.path}, or correct warehouse.path in segflow.yml",
            True,
        )
        for need in needs
    ]


def _there(warehouse: Warehouse, need: Need) -> bool:
    return warehouse.bind(need.query()) is None


def _columns(context: TickContext) -> Iterator[Column]:
    compiled = context.compiled
    yield from contact_columns(compiled)
    for name in compiled.specs.catalog.contacts.attributes:
        yield from attribute_column(compiled, name)
    yield from columns_of_imports(compiled)
    yield from catalog_columns(compiled.specs.catalog)


def _fault(user_models: UserModels, column: Column, stops: bool) -> SetupFault | None:
    place = user_models.place(column)
    means = "no tick can run without it" if stops else "segments that need it are stale, flows that need it stand still"
    near = f"in the catalog or in model {column.model}"
    if missing := user_models.missing([column]):
        return SetupFault(place, missing, means, f"correct the name {near}", stops)
    if unreadable := user_models.unreadable([column]):
        return SetupFault(place, unreadable, means, f"correct the type {near}", stops)
    actual = user_models.type_of(column)
    named = f"column {column.name} of model {column.model} ({column.role})"
    if actual is None or column.keys:
        return None
    if column.time is not None and column.unix is None and pa.types.is_date(actual):
        return SetupFault(
            place,
            f"{named} is a DATE",
            "every row counts as of midnight UTC, and hours and order within a day are lost",
            f"name a TIMESTAMP column; if days are all there is, write cast({column.name} as timestamp) in the model",
        )
    if column.kind in _TIMED and column.unix is None and is_text(actual):
        return SetupFault(
            place,
            f"{named} holds {column.kind}s as texts",
            "a text that cannot be read as one is a missing value, without a word",
            f"cast it to {_SQL_TYPES[column.kind]} in the model",
        )
    if column.role.startswith("the payload ") and pa.types.is_primitive(actual):
        return SetupFault(
            place,
            f"{named} holds no JSON but {actual}",
            "every property of these events is missing",
            "name the column that holds JSON, as a text, JSON or a struct",
        )
    return None


_SQL_TYPES = {
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "boolean": "BOOLEAN",
    "number": "a DECIMAL",
    "integer": "BIGINT",
}


def _model_of(loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Where the catalog names the model of what stands at `loc`."""
    return (*(loc[:2] if loc[0] in ("events", "objects") else loc[:1]), "model")


def _at_contacts(specs: Specs) -> str:
    line, column = read_spec_file(specs.root / _CATALOG, _CATALOG).place(("contacts", "model"))
    return f"{_CATALOG}:{line}:{column}"
