"""The dbt project: where the data lies, and a staging model for each table that the catalog uses."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlglot
from sqlglot import exp

from segflow.errors import InputError
from segflow.start.contacts import time_column
from segflow.start.names import is_secret, unique
from segflow.start.plan import Proposal
from segflow.start.profile import KEPT, Table
from segflow.start.render import filled, literal, name, sql
from segflow.start.sources import Data, Source
from segflow.warehouse.engines import WRITTEN_IN
from segflow.warehouse.reader import Reader

_STAGING = "dbt/models/staging"
_ROOT = "{{ env_var('SEGFLOW_PROJECT_DIR', '..') }}"
_MARK = "/its/place/is/told/by/the/project"


@dataclass
class Model:
    """A staging model. `sql` is its text with dbt's calls, `runs` the same with relations that are there now."""

    name: str
    table: Table
    sql: str
    runs: str
    told: str
    key: str | None = None
    in_memory: bool = False
    """What it runs over is kept in memory, and it makes nothing of it."""


@dataclass
class Staging:
    """The models in an order in which each comes after those it reads, and the files beside them."""

    models: list[Model] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)


def staging(reader: Reader, data: Data, proposal: Proposal, root: Path) -> Staging:
    """The staging models of a proposal for a project at `root`."""
    made = Staging()
    used = _tables(proposal)
    if data.in_dbt:
        made.models = [_their_model(table, roles) for table, roles in used]
        return made
    contacts = proposal.contacts
    for table, roles in used:
        made.models.append(_model(data, proposal, table, roles))
    if contacts.derived is not None:
        made.models.append(_contacts_model(proposal))
    sources = _sources(reader, data, [table for table, _ in used], root)
    made.files[f"{_STAGING}/sources.yml"] = filled(
        "dbt/models/staging/sources.yml", sources=sources, files=data.database is None and data.server is None
    )
    described = [{"name": one.name, "description": one.told, "key": one.key} for one in made.models]
    made.files[f"{_STAGING}/schema.yml"] = filled("dbt/models/staging/schema.yml", models=described)
    for model in made.models:
        made.files[f"{_STAGING}/{model.name}.sql"] = model.sql
    return made


def _their_model(table: Table, roles: list[str]) -> Model:
    """A model of theirs, over the rows that were looked at, under the names that it has."""
    assert table.source.model is not None
    rows = exp.select("*").from_(table.source.rows.copy()).sql(dialect=WRITTEN_IN)
    return Model(table.model, table, "", rows, f"{table.told}: {', '.join(roles)}.", in_memory=True)


def _tables(proposal: Proposal) -> list[tuple[Table, list[str]]]:
    """The tables that the catalog uses, with what they are in it; the contacts first: others may be joined to them."""
    found: list[tuple[Table, list[str]]] = []

    def add(table: Table, role: str) -> None:
        known = next((roles for one, roles in found if one is table), None)
        if known is None:
            found.append((table, [role]))
        elif role not in known:
            known.append(role)

    if proposal.contacts.derived is None:
        add(proposal.contacts.table, "a row per contact")
    for thing in proposal.objects:
        add(thing.table, f"a row per {thing.name.replace('_', ' ')}")
    for source in proposal.events:
        add(source.table, "events")
    for labels in proposal.labels:
        add(labels.table, labels.kind)
    return found


def _model(data: Data, proposal: Proposal, table: Table, roles: list[str]) -> Model:
    columns = [
        {"sql": sql(one.how), "name": name(one.name)}
        for one in table.columns
        if not is_secret(one.name) and (one.filled or one.name in table.keys)
    ]
    made, join = _made(proposal, table)
    texts = table.source.form is not None
    told = f"{table.told}: {', '.join(roles)}." + (
        " All columns are texts there; here they get types." if texts else ""
    )
    notes = [f"{one.name}: {why}" for one in table.columns for why in (one.doubt or one.note,) if why]
    context = {"told": told, "notes": notes, "columns": columns, "made": made, "join": join}
    file = f"{_STAGING}/model.sql"
    from_ = f"source({literal(_source_name(table.source))}, {literal(_table_name(table.source))})"
    text = filled(file, from_=from_, **context)
    runs = text.replace(f"{{{{ {from_} }}}}", table.source.rows.sql(dialect=WRITTEN_IN))
    kept = table.rows <= KEPT
    if kept:
        # Its rows are in memory, typed as the model types them; to read and type them again takes as long as all else.
        columns = [{**one, "sql": one["name"]} for one in columns]
        runs = filled(file, from_=from_, **{**context, "columns": columns})
        runs = runs.replace(f"{{{{ {from_} }}}}", table.typed.sql(dialect=WRITTEN_IN))
    if join is not None:
        # Names of views in memory are those of the models.
        runs = runs.replace(f"{{{{ ref({literal(join['model'])}) }}}}", join["model"])
    key = proposal.contacts.key if table is proposal.contacts.table and proposal.contacts.derived is None else None
    thing = next((one for one in proposal.objects if one.table is table), None)
    return Model(table.model, table, text, runs, told, key or (thing.key if thing else None), kept and not made)


def _made(proposal: Proposal, table: Table) -> tuple[list[dict[str, str]], dict[str, str] | None]:
    """Columns that are made of others, and the join to the contacts, where not their key leads there."""
    contacts, made, join = proposal.contacts, [], None
    if table is contacts.table and contacts.derived is None:
        made += [{"sql": sql(one.how), "name": name(one.name)} for one in contacts.made]
    for thing in proposal.objects:
        if thing.table is table and thing.counted:
            made.append({"sql": "row_number() over ()", "name": name(thing.key)})
    link = joined_by(proposal, table)
    if link is not None:
        own = contact_of(proposal, table)
        made.append({"sql": f"contacts.{name(contacts.key)}", "name": name(own)})
        join = {"model": contacts.model, "theirs": name(link[1]), "ours": name(link[0])}
    return made, join


def joined_by(proposal: Proposal, table: Table) -> tuple[str, str] | None:
    """(own column, column of the contacts) by which a table leads to the contacts, where that is not their key."""
    contacts = proposal.contacts
    links = [one.link for one in proposal.objects if one.table is table]
    links += [one.link for one in proposal.events if one.table is table]
    links += [one.link for one in proposal.labels if one.table is table]
    for link in links:
        if link is not None and link.to_table == contacts.table.name and link.to_column != contacts.key:
            return link.column, link.to_column
    return None


def contact_of(proposal: Proposal, table: Table) -> str:
    """The name of the column that a join brings."""
    return unique("contact_id", [one.name for one in table.columns])


def _contacts_model(proposal: Proposal) -> Model:
    contacts = proposal.contacts
    table = contacts.table
    at = time_column(table, {contacts.key})
    columns = []
    for one in contacts.derived or []:
        last = f"max({name(one)})"
        if at is not None and table.source.as_typed:
            # What every server has.
            last = f"(array_agg({name(one)} order by {name(at.column)} desc) filter (where {name(one)} is not null))[1]"
        elif at is not None:
            last = f"max_by({name(one)}, {name(at.column)})"
        columns.append({"sql": last, "name": name(one)})
    told = f"One row for each {contacts.key} of {table.told}, with what is always the same for it."
    below = table.model
    text = filled(
        f"{_STAGING}/contacts.sql",
        told=told,
        key=name(contacts.key),
        columns=columns,
        at=name(at.column) if at is not None else None,
        model=below,
    )
    runs = text.replace(f"{{{{ ref({literal(below)}) }}}}", below)
    return Model(contacts.model, table, text, runs, told, contacts.key)


def _source_name(source: Source) -> str:
    if source.place is None:
        return "files"
    return "raw" if source.place[0] == "main" else f"raw_{source.place[0]}"


def _table_name(source: Source) -> str:
    return source.place[1] if source.place is not None else source.name


def _sources(reader: Reader, data: Data, tables: list[Table], root: Path) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for table in tables:
        source = table.source
        at = found.setdefault(_source_name(source), {"name": _source_name(source), "schema": None, "tables": []})
        if source.place is not None:
            at["schema"] = source.place[0]
        location = _location(reader, data, source, root) if source.place is None else None
        at["tables"].append({"name": _table_name(source), "location": location})
    return list(found.values())


def _location(reader: Reader, data: Data, source: Source, root: Path) -> str:
    """How dbt's adapter reads files. What lies in the project's folder or beside it is found when both are moved."""
    given = source.pattern or str(source.files[0])
    if data.moves_to is not None:
        given = str(data.moves_to / Path(given).relative_to(data.path))
    near = root.parent in Path(given).parents
    path = f"{_MARK}/{os.path.relpath(given, root)}" if near else given
    if "{" in path or "}" in path:
        raise InputError(f"{given} has braces in its path, which dbt would read as code; rename it")
    named: Path | str = path if source.pattern else Path(path)
    rows = reader.csv_rows([named], source.form) if source.form is not None else reader.parquet_rows([named])
    text = sql(rows)
    return text.replace(_MARK, _ROOT)


def runnable(model: Model) -> exp.Query:
    """The query of a model over what is there now."""
    query = sqlglot.parse_one(model.runs, dialect=WRITTEN_IN)
    assert isinstance(query, exp.Query)
    return query
