"""Where the data is: the tables of a file of the engine's own, or the files of a folder."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
from sqlglot import exp

from segflow.errors import InputError, did_you_mean
from segflow.start.names import identifiers
from segflow.start.server import tables_of, take_in
from segflow.warehouse.engines import DEFAULT, ENGINES, wing
from segflow.warehouse.reader import CsvForm, Reader
from segflow.warehouse.tables import SCHEMA
from segflow.warehouse.wing import TargetError, Wing

_CSV = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
_PARQUET = (".parquet", ".pq")
_OTHERS = {
    ".xlsx": "save each sheet as CSV",
    ".xls": "save each sheet as CSV",
    ".json": "save it as CSV or Parquet",
    ".jsonl": "save it as CSV or Parquet",
    ".ndjson": "save it as CSV or Parquet",
    ".txt": "name it .csv if it is one",
    ".zip": "unpack it",
    ".sqlite": "save its tables as CSV",
}
"""Files that look like data, and what to do with them."""
_SERVER = re.compile(r"(postgres|postgresql|mysql|mssql|redshift|snowflake|bigquery|jdbc:\w+)://?", re.IGNORECASE)
_PART = re.compile(r"[-_.]*\d[\d_.-]*")
"""What is different in the names of files that are one table: `orders_2025-01.csv`."""
TABLES_AT_MOST = 60


@dataclass(frozen=True)
class TheirModel:
    """A model, seed or snapshot of somebody's dbt project, whose table is taken as it is."""

    name: str
    ref: str
    """What stands in `ref()` in a segment."""
    layer: int
    """How far it is from what people ask: 0 is a mart."""
    built_on: frozenset[str]
    """The models that it is made of, directly or not."""


@dataclass(frozen=True)
class Source:
    """A table of theirs. `name` is an identifier, `told` what they call it."""

    name: str
    told: str
    rows: exp.Table = field(compare=False)
    schema: pa.Schema = field(compare=False)
    files: tuple[Path, ...] = ()
    """Absolute; empty for a table of a database file."""
    pattern: str | None = None
    """Stands for all of `files`, where they are several."""
    form: CsvForm | None = None
    """None for what has types of its own."""
    place: tuple[str, str] | None = None
    """(schema, name) of a table of a database file."""
    model: TheirModel | None = None
    """The model of a dbt project whose table it is."""
    as_typed: bool = False
    """Are its columns of the types that they have? A text is then no number, whatever it looks like."""


@dataclass(frozen=True)
class Server:
    """A database on a server."""

    engine: str
    """By its name in segflow.yml."""
    target: Mapping[str, str]
    """What a target of dbt's profile says of it, but the password."""
    asks: bool
    """Was a password given? It is written nowhere."""


@dataclass(frozen=True)
class Data:
    """What somebody has. `database` is the file, where it is one."""

    path: Path
    sources: list[Source]
    left_out: list[str]
    """What was not looked at, and why: a sentence each."""
    database: Path | None = None
    in_dbt: bool = False
    """Are they the models of a dbt project?"""
    server: Server | None = None
    moves_to: Path | None = None
    """Where the files will be when there is a project; None: they stay."""


def find_data(reader: Reader, given: str, schemas: Sequence[str] = ()) -> Data:
    """The tables at a path, or of a server; there, those of `schemas` alone, if any are named. Raises InputError when
    there are none, or it is no place that can be read."""
    chosen = next((wing(name) for name in ENGINES if given.lower().startswith(wing(name).schemes)), None)
    if chosen is not None:
        return _on_server(reader, chosen, given, schemas)
    if schemas:
        raise InputError(f"--schema is about a server, and {given} is none")
    if _SERVER.match(given):
        server = given.split("@")[-1].split("?")[0]
        raise InputError(
            f"{server} is a database server that segflow does not work on. Save its tables as CSV or Parquet files in "
            "a folder, and give that: --from data"
        )
    if "://" in given:
        raise InputError(f"{given} is not on this machine; download it, and give the file or its folder")
    path = Path(given).expanduser().resolve()
    if not path.exists():
        raise InputError(f"there is no file or folder {given}; give where your data is, like --from data")
    if path.is_dir():
        if not any(path.iterdir()):
            raise InputError(f"{given} is empty; put your CSV or Parquet files there, or name another folder")
        return _named(path, *_files_of(reader, path))
    if reader.is_database(path):
        return _database(reader, path)
    if not _kind(path):
        known = f"give a folder of CSV or Parquet files, one such file, or a file of {wing(DEFAULT).title}"
        raise InputError(f"{given} cannot be read: {_OTHERS.get(path.suffix.lower(), known)}")
    return _named(path, *_tables_of(reader, path.parent, [path]))


def _database(reader: Reader, path: Path) -> Data:
    reader.attach(path)
    found = reader.tables()
    if any(schema == SCHEMA for schema, _ in found):
        raise InputError(
            f"{path} has a schema {SCHEMA} already: another project works in it, or did. Take that project, or give a "
            f"copy of the file without schema {SCHEMA}"
        )
    sources, left_out = _placed(reader, found, "main")
    if not sources:
        raise InputError(f"{path} has no tables; load your data into it first")
    return Data(path, sources, left_out, database=path)


def _on_server(reader: Reader, chosen: Wing, url: str, schemas: Sequence[str]) -> Data:
    if (missing := chosen.missing()) is not None:
        raise InputError(missing)
    try:
        target = chosen.target_at(url)
        place = chosen.place(target, lambda value: value, Path.cwd())
    except TargetError as error:
        raise InputError(f"--from {url.partition('://')[0]}://... {error}, like {chosen.schemes[0]}USER@HOST/DATABASE"
                         ) from None  # fmt: skip
    engine = chosen.engine(place, Path.cwd(), None)
    there = tables_of(engine)
    if any(schema == SCHEMA for schema, _ in there):
        raise InputError(
            f"{engine.where} has tables in a schema {SCHEMA} already: another project works there, or did. Take that "
            f"project, or drop schema {SCHEMA} if nobody needs it"
        )
    known = sorted({schema for schema, _ in there})
    if unknown := [name for name in schemas if name not in known]:
        near = did_you_mean(unknown[0], known) or f"; there are {', '.join(known)}"
        raise InputError(f"--schema {unknown[0]}: {engine.where} has no such schema with a table in it{near}")
    found = [one for one in there if not schemas or one[0] in schemas]
    if not found:
        raise InputError(f"{engine.where} has no tables that {target['user']} may read; load your data into it first")
    notes: list[str] = []
    unread = take_in(reader, engine, found[:TABLES_AT_MOST], notes)
    sources, left_out = _placed(reader, found, "public", unread)
    asks = target.pop("password", None) is not None
    server = Server(chosen.name, target, asks)
    return Data(Path.cwd(), [replace(one, as_typed=True) for one in sources], [*left_out, *notes], server=server)


def _placed(
    reader: Reader, found: list[tuple[str, str]], plain: str, unread: Mapping[tuple[str, str], str] | None = None
) -> tuple[list[Source], list[str]]:
    """The tables of a database, called by their names alone in the schema `plain`. `unread`: why some are not there."""
    sources, left_out = [], []
    names = identifiers([name for _, name in found], "table")
    for (schema, table), name in zip(found[:TABLES_AT_MOST], names, strict=False):
        told = table if schema == plain else f"{schema}.{table}"
        if unread and (schema, table) in unread:
            left_out.append(f"{told}: {unread[schema, table]}")
            continue
        rows = reader.their_rows(schema, table)
        try:
            sources.append(Source(name, told, rows, reader.schema(rows), place=(schema, table)))
        except InputError as error:
            left_out.append(f"{told}: {error}")
    if len(found) > TABLES_AT_MOST:
        left_out.append(f"{len(found) - TABLES_AT_MOST} more tables: only the first {TABLES_AT_MOST} were looked at")
    return sources, left_out


def _files_of(reader: Reader, folder: Path) -> tuple[list[Source], list[str]]:
    paths, left_out = [], []
    for path in _walk(folder):
        if _kind(path):
            paths.append(path)
        elif path.suffix.lower() in _OTHERS:
            left_out.append(f"{path.relative_to(folder)}: not read; {_OTHERS[path.suffix.lower()]}")
        elif reader.is_database(path):
            left_out.append(f"{path.relative_to(folder)}: a database; give it alone: --from {path}")
    sources, more = _tables_of(reader, folder, paths)
    return sources, [*left_out, *more]


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir(), key=lambda one: (one.is_dir(), one.name.lower())):
        if path.name.startswith((".", "_")) or path.name in ("node_modules", "segment_specs", "flow_specs", "dbt"):
            continue
        if path.is_dir():
            yield from _walk(path)
        elif path.is_file():
            yield path


def _kind(path: Path) -> str | None:
    name = path.name.lower()
    return "csv" if name.endswith(_CSV) else "parquet" if name.endswith(_PARQUET) else None


def _stem(path: Path) -> str:
    return re.sub(r"(\.(csv|tsv|parquet|pq|gz))+$", "", path.name, flags=re.IGNORECASE)


def _tables_of(reader: Reader, folder: Path, paths: Sequence[Path]) -> tuple[list[Source], list[str]]:
    """The tables of files: one each, or one of several whose names differ in numbers and whose columns are the same."""
    left_out: list[str] = []
    both = {(path.parent, _stem(path)) for path in paths if _kind(path) == "parquet"}
    read: list[tuple[Path, CsvForm | None, pa.Schema]] = []
    for path in paths:
        told = str(path.relative_to(folder))
        if _kind(path) == "csv" and (path.parent, _stem(path)) in both:
            left_out.append(f"{told}: the Parquet file of the same name is read, which has types")
            continue
        try:
            form = reader.csv_form(path) if _kind(path) == "csv" else None
            rows = reader.csv_rows([path], form) if form else reader.parquet_rows([path])
            schema = reader.schema(rows)
        except InputError as error:
            left_out.append(f"{told}: {error}")
            continue
        read.append((path, form, schema))
    groups: dict[tuple[object, ...], list[tuple[Path, CsvForm | None, pa.Schema]]] = {}
    for path, form, schema in read:
        stem = _PART.sub("", _stem(path)).strip("_-. ")
        parts = (path.parent, stem, form, tuple(schema.names))
        groups.setdefault(parts if stem else (path.parent, form, tuple(schema.names)), []).append((path, form, schema))
    made = [_one_table(reader, folder, group, left_out) for group in groups.values()]
    names = identifiers([name for name, _ in made], "table")
    sources = [_renamed(source, name) for name, (_, source) in zip(names, made, strict=True)]
    if len(sources) > TABLES_AT_MOST:
        left_out.append(f"{len(sources) - TABLES_AT_MOST} more files: only the first {TABLES_AT_MOST} were looked at")
    return sources[:TABLES_AT_MOST], left_out


def _one_table(
    reader: Reader, folder: Path, group: list[tuple[Path, CsvForm | None, pa.Schema]], left_out: list[str]
) -> tuple[str, Source]:
    """What the table of a group of files is called, and the table."""
    path, form, schema = group[0]
    paths = tuple(one for one, *_ in group)
    stem = _PART.sub("", _stem(path)).strip("_-. ") if len(group) > 1 else _stem(path)
    name = stem or path.parent.name
    if len(group) == 1:
        rows = reader.csv_rows(paths, form) if form else reader.parquet_rows(paths)
        return name, Source("", str(path.relative_to(folder)), rows, schema, paths, None, form)
    ending = path.name[len(_stem(path)) :]
    pattern = str(path.parent / f"{stem}*{ending}")
    if set(path.parent.glob(f"{stem}*{ending}")) != set(paths):
        # The pattern would take others in: the first of them is a table, and the others are named.
        left_out.extend(
            f"{one.relative_to(folder)}: its rows could not be joined to those of {path.name}" for one in paths[1:]
        )
        rows = reader.csv_rows(paths[:1], form) if form else reader.parquet_rows(paths[:1])
        return name, Source("", str(path.relative_to(folder)), rows, schema, paths[:1], None, form)
    rows = reader.csv_rows([pattern], form) if form else reader.parquet_rows([pattern])
    told = f"{(path.parent / f'{stem}*{ending}').relative_to(folder)} ({len(paths)} files)"
    return name, Source("", told, rows, schema, paths, pattern, form)


def _renamed(source: Source, name: str) -> Source:
    return replace(source, name=name)


def _named(path: Path, sources: list[Source], left_out: list[str]) -> Data:
    if not sources:
        told = "".join(f"\n  {one}" for one in left_out)
        raise InputError(f"{path} has no CSV or Parquet file that can be read{':' if told else ''}{told}")
    return Data(path, sources, left_out)
