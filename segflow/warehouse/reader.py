"""What `segflow init` knows of an engine: how it reads the files and tables that somebody has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from sqlglot import exp

from segflow.warehouse.base import Warehouse


@dataclass(frozen=True)
class CsvForm:
    """How a CSV file is written."""

    delimiter: str
    encoding: str = "utf-8"
    skip: int = 0
    """Lines before the header, or before the first row where there is none."""
    header: bool = True
    padded: bool = False
    """Are there rows that lack their last columns?"""


class Reader(ABC):
    """Files and tables, looked at in a warehouse in memory. Nothing of theirs is changed."""

    warehouse: Warehouse

    @abstractmethod
    def is_database(self, path: Path) -> bool:
        """Is it a file of the engine's own?"""

    @abstractmethod
    def attach(self, path: Path, name: str | None = None) -> None:
        """Let the tables of such a file be read. `name`: what its views call the database. Raises InputError when it
        does not open."""

    @abstractmethod
    def keep(self, schema: str, name: str, rows: pa.Table) -> None:
        """Keep rows that lie elsewhere in memory: `tables` and `their_rows` then have those, and no file's."""

    @abstractmethod
    def tables(self) -> list[tuple[str, str]]:
        """(schema, name) of the tables and views of the attached file, in order."""

    @abstractmethod
    def csv_form(self, path: Path) -> CsvForm:
        """How a CSV file is written. Raises InputError when it cannot be read as one."""

    @abstractmethod
    def csv_rows(self, paths: Sequence[Path | str], form: CsvForm) -> exp.Table:
        """The rows of CSV files, all columns as texts: so ids keep their zeros, and a new kind of value changes no
        type. A path that is a text is a pattern."""

    @abstractmethod
    def parquet_rows(self, paths: Sequence[Path | str]) -> exp.Table:
        """The rows of Parquet files. A path that is a text is a pattern."""

    @abstractmethod
    def their_rows(self, schema: str, name: str) -> exp.Table:
        """A table of the attached file."""

    @abstractmethod
    def schema(self, rows: exp.Table) -> pa.Schema:
        """The columns of files or of a table. Raises InputError when they cannot be read."""

    def close(self) -> None:
        self.warehouse.close()
