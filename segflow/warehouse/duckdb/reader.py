"""Reads what people have before it is a project: files, and the tables of a file of DuckDB's own."""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
from sqlglot import exp

from segflow.errors import InputError, WarehouseError
from segflow.files import reason
from segflow.warehouse.duckdb.errors import is_busy, made_by
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse
from segflow.warehouse.reader import CsvForm, Reader
from segflow.warehouse.tables import SCHEMA

THEIRS = "theirs"
"""The name under which the file of somebody's tables is attached, for reading only."""
_TAKEN = ("memory", "temp", "system", "main", SCHEMA)
"""What an attached file cannot be called: a database or a schema of the reader's own is."""
_DELIMITERS = ",;\t|"
_HEAD = 1_000_000
"""Bytes that are looked at to find out how a text is written."""
_SEP_LINE = re.compile(r'"?sep=([!-~\t ])"?[,;\t|]*\r?$', re.IGNORECASE)
"""A line that Excel writes before the header."""
_DATA = re.compile(r"[-+]?\d[\d.,:/ -]*|\d{4}-\d\d-\d\d.*|\S+@\S+\.\S+|true|false", re.IGNORECASE)
"""What is no name of a column."""
_OWN_SCHEMAS = ("information_schema", "pg_catalog")


class DuckDBReader(Reader):
    """DuckDB reads all of it by itself."""

    def __init__(self) -> None:
        self.warehouse = DuckDBWarehouse(Path(":memory:"))
        self._theirs = THEIRS
        self._kept: dict[tuple[str, str], exp.Table] = {}
        # It would be drawn over what the command says.
        off = exp.column("enable_progress_bar").eq(exp.false())
        self.warehouse.execute(exp.Set(expressions=[exp.SetItem(this=off)]))

    def is_database(self, path: Path) -> bool:
        return path.is_file() and made_by(path) is not None

    def attach(self, path: Path, name: str | None = None) -> None:
        self._theirs = THEIRS if name is None or name in _TAKEN else name
        attached = exp.alias_(exp.Literal.string(str(path)), self._theirs, quoted=True)
        option = exp.AttachOption(this=exp.Var(this="READ_ONLY"))
        try:
            self.warehouse.execute(exp.Attach(this=attached, expressions=[option]))
        except WarehouseError as error:
            if is_busy(str(error)):
                raise InputError(f"{path} is in use by another program; close it there, and say it again") from None
            raise InputError(f"cannot open {path}: {error}") from None

    def keep(self, schema: str, name: str, rows: pa.Table) -> None:
        self._kept[schema, name] = self.warehouse.stage(f"kept {schema}.{name}", rows)

    def tables(self) -> list[tuple[str, str]]:
        if self._kept:
            return sorted(self._kept)
        listed = exp.select("table_schema", "table_name").from_("information_schema.tables")
        listed = listed.where(exp.column("table_catalog").eq(exp.Literal.string(self._theirs)))
        rows = self.warehouse.rows(listed.order_by("table_schema", "table_name"))
        return [(row["table_schema"], row["table_name"]) for row in rows if row["table_schema"] not in _OWN_SCHEMAS]

    def csv_form(self, path: Path) -> CsvForm:
        try:
            head = _head(path)
        except (OSError, EOFError) as error:
            raise InputError(f"cannot read {path}: {reason(error) if isinstance(error, OSError) else error}") from None
        encoding = _encoding(head)
        lines = head.decode(encoding, "replace").lstrip("\ufeff").splitlines()
        told = _SEP_LINE.match(lines[0]) if lines else None
        skip = 1 if told else 0
        names = lines[skip] if len(lines) > skip else ""
        likely = max(_DELIMITERS, key=lambda sign: (names.count(sign), -_DELIMITERS.index(sign)))
        form = CsvForm(told[1] if told else likely, encoding, skip)
        return self._held_against_rows(path, form)

    def _held_against_rows(self, path: Path, form: CsvForm) -> CsvForm:
        cells = self._cells(path, form)
        named = [cell.strip() for cell in cells]
        without = any(_DATA.fullmatch(name) for name in named) or not any(named)
        form = replace(form, header=not without)
        problem = self._problem([path], form)
        if problem is not None and not form.padded and not self._problem([path], replace(form, padded=True)):
            return replace(form, padded=True)
        if problem is not None:
            raise InputError(f"cannot read {path} as CSV: {problem}")
        return form

    def _cells(self, path: Path, form: CsvForm) -> list[str]:
        rows = exp.select("*").from_(self.csv_rows([path], replace(form, header=False, padded=True)))
        try:
            found = self.warehouse.rows(rows.limit(1))
        except WarehouseError as error:
            raise InputError(f"cannot read {path} as CSV: {_first_sentence(error)}") from None
        return [str(value or "") for value in found[0].values()] if found else []

    def _problem(self, paths: Sequence[Path | str], form: CsvForm) -> str | None:
        """Why the rows of a file cannot be read; None when they can."""
        try:
            self.warehouse.query(exp.select(exp.Count(this=exp.Star())).from_(self.csv_rows(paths, form)))
            return None
        except WarehouseError as error:
            return _first_sentence(error)

    def csv_rows(self, paths: Sequence[Path | str], form: CsvForm) -> exp.Table:
        options: dict[str, exp.Expr] = {"header": exp.Boolean(this=form.header), "all_varchar": exp.true()}
        options["delim"] = exp.Literal.string(form.delimiter)
        options["quote"] = options["escape"] = exp.Literal.string('"')
        # Said though it is 0: DuckDB would pass over lines at the beginning, all of them perhaps, rather than say that
        # rows are longer than the header.
        options["skip"] = exp.Literal.number(form.skip)
        if form.encoding != "utf-8":
            options["encoding"] = exp.Literal.string(form.encoding)
        if form.padded:
            # Beside padding, values with line breaks are read by one thread alone.
            options |= {"null_padding": exp.true(), "parallel": exp.false()}
        return _files("read_csv", paths, options)

    def parquet_rows(self, paths: Sequence[Path | str]) -> exp.Table:
        return _files("read_parquet", paths, {})

    def their_rows(self, schema: str, name: str) -> exp.Table:
        kept = self._kept.get((schema, name))
        return kept.copy() if kept is not None else exp.table_(name, db=schema, catalog=self._theirs, quoted=True)

    def schema(self, rows: exp.Table) -> pa.Schema:
        try:
            return self.warehouse.query(exp.select("*").from_(rows).limit(0)).schema
        except WarehouseError as error:
            raise InputError(_first_sentence(error)) from None


def _files(function: str, paths: Sequence[Path | str], options: dict[str, exp.Expr]) -> exp.Table:
    named = [exp.Literal.string(path if isinstance(path, str) else _plain(path)) for path in paths]
    given = named[0] if len(named) == 1 else exp.Array(expressions=named)
    settings = [exp.column(name).eq(value) for name, value in options.items()]
    return exp.Table(this=exp.Anonymous(this=function, expressions=[given, *settings]))


def _plain(path: Path) -> str:
    """A path in which no character stands for others."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in str(path))


def _head(path: Path) -> bytes:
    if path.suffix == ".gz":
        with gzip.open(path) as packed:
            return packed.read(_HEAD)
    with path.open("rb") as file:
        return file.read(_HEAD)


def _encoding(head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # A character may have been cut at the end of what was looked at.
        return "utf-8" if error.start > _HEAD - 4 else "latin-1"
    return "utf-8"


def _first_sentence(error: Exception) -> str:
    found = re.split(r" Possible (?:fixes|solutions)|\. Possible", str(error))[0]
    if "sniffing file" in found:
        return "its rows differ in how many values they have, or in how they are quoted; mend it or save it again"
    return found
