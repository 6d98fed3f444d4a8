"""What the warehouse tells of a set-up. Asked by `doctor`, and by a first tick that failed; `validate` and what comes
before a first tick ask files alone (`segflow.specs.setup`).

Every question collects all that is wrong, each with the place where people named it and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from segflow.models.build import read_by_flows
from segflow.models.catalog_columns import (
    Column,
    attribute_column,
    catalog_columns,
    contact_columns,
    import_columns,
    parts_of,
)
from segflow.models.user_models import UserModels
from segflow.segments.compiler import Compiled
from segflow.specs.dbt_profile import dbt_command
from segflow.specs.project import Specs
from segflow.specs.setup import CATALOG, Grade, SetupFault, in_file, shown_path
from segflow.ticks.context import TickContext
from segflow.warehouse.dbt import DbtProject, Need
from segflow.warehouse.engines import wing
from segflow.warehouse.models import Models

_NO_TICK = "no tick can run without it"
_PART = "segments that need it are stale, flows that need it stand still"


def with_connection(context: TickContext, *, built: bool) -> list[SetupFault]:
    """What the warehouse tells: seeds and tables that are not loaded, columns that are not there, types that cannot be
    used. `built`: dbt has tried to build the models, so that one that cannot be read is a fault."""
    user_models = UserModels(context)
    stops = {*contact_columns(context.compiled), *import_columns(context.compiled)}
    read, unread = _read(context.compiled), dict[str, list[Column]]()
    found: list[SetupFault] = []
    for column in _columns(context.compiled):
        if user_models.schema(column.model) is None:
            # What nothing reads is not built.
            if column.model in read:
                unread.setdefault(column.model, []).append(column)
        elif fault := _fault(user_models, column, column in stops):
            found.append(fault)
    needed = not_loaded(context, unread)
    if built and not needed:
        for model, columns in unread.items():
            grade: Grade = "stops" if stops & {*columns} else "part"
            found.append(
                SetupFault(
                    in_file(context.compiled.specs.root / CATALOG, CATALOG, *_model_of(columns[0].loc)),
                    f"model {model} cannot be read: {user_models.failed[model]}",
                    _NO_TICK if grade == "stops" else _PART,
                    f"{_dbt(context.compiled.specs, f'build --select +{model}')} tries it alone",
                    grade,
                )
            )
    return [*needed, *found]


def not_loaded(context: TickContext, models: Iterable[str]) -> list[SetupFault]:
    """The seeds and source tables below `models` that the warehouse does not have."""
    names = list(models)
    if not names or not isinstance(context.models, DbtProject):
        return []
    # Another database is attached in dbt's sessions only: what is there cannot be seen from here.
    home = context.relation(context.compiled.specs.catalog.contacts.model).catalog
    needs = [need for need in context.models.needs(names) if need.relation.catalog == home]
    return _needed(context.compiled.specs, [one for one in needs if context.warehouse.bind(one.query()) is not None])


def needed_before_all(compiled: Compiled, models: Models) -> list[SetupFault]:
    """The seeds and source tables that the catalog's models need, where there is no warehouse yet that could have
    them."""
    if not isinstance(models, DbtProject):
        return []
    return _needed(compiled.specs, models.needs(sorted(_read(compiled))))


def _needed(specs: Specs, needs: Iterable[Need]) -> list[SetupFault]:
    shown, warehouse = shown_path(specs.dbt_dir, specs.root), specs.settings.warehouse.path or "the warehouse"
    other = "let warehouse.path in segflow.yml name the file that has it"
    if not wing(specs.engine).file_backed:
        other = "let dbt's profile lead to the database that has it; the role of the profile must be allowed to read it"
    return [
        SetupFault(f"{shown}/{need.file}:1:1", what, f"model {need.reader} reads it", do, "stops")
        for need in needs
        for what, do in [
            (f"seed {need.name} is not loaded", f"run {_dbt(specs, 'seed')}")
            if need.kind == "seed"
            else (
                f"table {need.name} of a source is not in the warehouse",
                f"load it into {warehouse}, or {other}",
            )
        ]
    ]


def _read(compiled: Compiled) -> set[str]:
    """The models of the catalog that ticks build: contacts, imports, and what segments and flows ask for."""
    columns = [*contact_columns(compiled), *import_columns(compiled)]
    parts = parts_of(compiled).values()
    return {column.model for part in (columns, *parts) for column in part} | set(read_by_flows(compiled))


def _columns(compiled: Compiled) -> list[Column]:
    """Every column that the catalog names, each once."""
    attributes = compiled.specs.catalog.contacts.attributes
    columns = [
        *contact_columns(compiled),
        *(column for name in attributes for column in attribute_column(compiled, name)),
        *import_columns(compiled),
        *catalog_columns(compiled.specs.catalog),
    ]
    return list(dict.fromkeys(columns))


def _fault(user_models: UserModels, column: Column, stops: bool) -> SetupFault | None:
    """What is wrong with a column of a model that can be read."""
    place, model = user_models.place(column), column.model
    grade: Grade = "stops" if stops else "part"
    means = _NO_TICK if stops else _PART
    if missing := user_models.missing([column]):
        return SetupFault(place, missing, means, f"correct the name in the catalog or in model {model}", grade)
    if wrong := user_models.unreadable([column]):
        return SetupFault(place, wrong, means, "then run segflow tick again", grade)
    actual = user_models.type_of(column)
    if actual is None or column.keys or column.unix is not None:
        return None
    named = f"column {column.name} of model {model} ({column.role})"
    if column.role.startswith("the payload ") and pa.types.is_primitive(actual):
        means = "every property of these events is missing"
        do = "name the column that holds JSON, as a text, JSON or a struct"
        return SetupFault(place, f"{named} holds no JSON but {actual}", means, do, "part")
    if column.time is not None and pa.types.is_date(actual):
        means = "each row counts as of midnight UTC, and the order within a day is not known"
        return SetupFault(place, f"{named} is a DATE", means, "name a TIMESTAMP column, if there is one", "note")
    if partly := user_models.partly_unread(column):
        means = "such a value is missing"
        return SetupFault(place, f"{named} {partly}", means, f"cast it in model {model} if it should count", "note")
    return None


def _dbt(specs: Specs, verb: str) -> str:
    return dbt_command(specs.root, specs.settings, verb)


def _model_of(loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Where the catalog names the model of what stands at `loc`."""
    return (*(loc[:2] if loc[0] in ("events", "objects") else loc[:1]), "model")
