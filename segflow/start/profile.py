"""Looks at tables: how each column is read, which of them tell rows apart, and which values stand in which keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlglot import exp

from segflow.errors import WarehouseError
from segflow.start.names import identifiers, is_id_name
from segflow.start.readings import FORMATS, Column, as_it_is, in_format, reading
from segflow.start.sources import Source
from segflow.warehouse.base import Warehouse
from segflow.warehouse.sqlfile import load_query

_SQL = Path(__file__).parent / "sql"
LOOKED_AT = 50_000
"""Rows of a table that are looked at to tell what its columns are. Keys are held against all rows."""
KEPT = 10_000_000
"""Rows of a table that are kept in memory; those of a larger one are read again for each question."""
_FORMATS_LOOKED_AT = 20_000


@dataclass
class Table:
    """A table of theirs, looked at. `typed` names its rows as the staging model will have them."""

    source: Source
    columns: list[Column]
    rows: int
    typed: exp.Table
    looked_at: int
    keys: list[str] = field(default_factory=list)
    """Columns that are different in all rows and missing in none, the likeliest key first."""

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def told(self) -> str:
        return self.source.told

    @property
    def model(self) -> str:
        """The dbt model that the catalog names: theirs, or the one that is written over it."""
        return self.source.model.name if self.source.model is not None else f"stg_{self.name}"

    def column(self, name: str) -> Column:
        return next(one for one in self.columns if one.name == name)

    def has(self, name: str) -> bool:
        return any(one.name == name for one in self.columns)


@dataclass(frozen=True)
class Overlap:
    """Of the `different` values of a column, so many are `found` in a key of another table."""

    table: str
    column: str
    to_table: str
    to_column: str
    different: int
    found: int

    @property
    def share(self) -> float:
        return self.found / self.different


def look_at(warehouse: Warehouse, source: Source) -> Table:
    """Look at a table. Raises WarehouseError when its rows cannot be read."""
    rows = int(warehouse.scalar(exp.select(exp.Count(this=exp.Star())).from_(source.rows.copy())))
    sample: exp.Query = exp.select("*").from_(source.rows.copy())
    if rows > LOOKED_AT:
        # The first rows alone would be the oldest ones.
        sample = sample.where(_every(rows // LOOKED_AT))
    warehouse.stage("looked_at", sample)
    names = identifiers(source.schema.names)
    stats = _stats(warehouse, source.schema.names)
    # Dates in ISO form look like dates too, and need no format: there are fifty, each tried on all values.
    read = as_it_is if source.model is not None or source.as_typed else reading
    dates = stats.items() if read is reading else ()
    dated = [name for name, one in dates if one["like_dates"] > one["days"] + one["times"]]
    formats = _formats(warehouse, dated)
    columns = [
        read(theirs, name, source.schema.field(position).type, stats[theirs], formats.get(theirs, {}))
        for position, (theirs, name) in enumerate(zip(source.schema.names, names, strict=True))
    ]
    seen = next(iter(stats.values()))["rows"] if stats else 0
    picked = exp.select(*(exp.alias_(one.how.copy(), one.name, quoted=True) for one in columns))
    keep = warehouse.stage if rows <= KEPT else warehouse.view
    typed = keep(f"typed_{source.name}", picked.from_(source.rows.copy()))
    table = Table(source, columns, rows, typed, int(seen))
    table.keys = _keys(warehouse, table)
    return table


def _every(step: int) -> exp.Expr:
    """About one of so many rows, chosen by chance."""
    return exp.LT(this=exp.Rand(), expression=exp.Literal.number(f"{1 / step:.9f}"))


def _stats(warehouse: Warehouse, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Column -> its row of `columns.sql`."""
    cells = []
    for name in names:
        text = exp.Trim(this=exp.cast(exp.column(name, quoted=True), "VARCHAR"))
        value = exp.func("nullif", text, exp.Literal.string(""))
        picked = exp.select(exp.Literal.string(name).as_("name"), value.as_("value"))
        cells.append(picked.from_(exp.table_("looked_at", db="temp")))
    warehouse.view("cells", exp.union(*cells, distinct=False) if len(cells) > 1 else cells[0])
    found = {row["name"]: {**row, "common": []} for row in warehouse.rows(load_query(_SQL / "columns.sql"))}
    for row in warehouse.rows(load_query(_SQL / "common.sql")):
        found[row["name"]]["common"].append(row["value"])
    return {name: found.get(name, _NOTHING) for name in names}


class _Nothing(dict[str, Any]):
    """The row of a column of a table without rows."""

    def __missing__(self, key: str) -> Any:
        if key == "common":
            return []
        return None if key in ("lowest", "highest", "longest", "decimals", "largest", "smallest") else 0


_NOTHING = _Nothing()


def _formats(warehouse: Warehouse, names: Sequence[str]) -> dict[str, dict[str, int]]:
    """Column -> format -> how many of its different values are a date or a time in that."""
    if not names:
        return {}
    cells = exp.select("name", "value").distinct().from_("temp.cells")
    dated = exp.column("name").isin(*(exp.Literal.string(name) for name in names))
    warehouse.stage("dated", cells.where(dated).where(exp.Not(this=exp.column("value").is_(exp.null()))))
    # The engine wants each format as a literal.
    read = [exp.alias_(in_format(one), f"f{number}") for number, one in enumerate(FORMATS)]
    query = exp.select("name", *read).from_("temp.dated").group_by("name")
    return {
        row["name"]: {one: int(row[f"f{number}"]) for number, one in enumerate(FORMATS)}
        for row in warehouse.rows(query)
    }


def _keys(warehouse: Warehouse, table: Table) -> list[str]:
    """The columns that tell the rows of a table apart, asked from all rows."""
    likely = [
        one
        for one in table.columns
        if one.type in ("text", "integer")
        and one.filled == table.looked_at > 0
        and one.different == one.filled
        and (one.stats["longest"] or 0) <= 255
    ]
    if not likely:
        return []
    counts = [
        exp.Count(this=exp.Distinct(expressions=[exp.column(one.name, quoted=True)])).as_(f"n{number}")
        for number, one in enumerate(likely)
    ]
    [found] = warehouse.rows(exp.select(*counts).from_(table.typed.copy()))
    unique = [one.name for number, one in enumerate(likely) if found[f"n{number}"] == table.rows]
    order = {one.name: number for number, one in enumerate(table.columns)}
    return sorted(unique, key=lambda name: (not is_id_name(name), order[name]))


def overlaps(warehouse: Warehouse, tables: Iterable[Table]) -> list[Overlap]:
    """Which values of columns are among those of keys of other tables. Values are compared as texts."""
    places: list[tuple[str, str]] = []
    keys: list[exp.Query] = []
    values: list[exp.Query] = []
    for table in tables:
        for column in table.columns:
            if column.type not in ("text", "integer") or not column.filled or (column.stats["longest"] or 0) > 255:
                continue
            places.append((table.name, column.name))
            place = exp.Literal.number(len(places) - 1).as_("place")
            value = exp.cast(exp.column(column.name, quoted=True), "VARCHAR")
            rows = exp.select(place, value.as_("value")).distinct().from_(table.typed.copy())
            rows = rows.where(exp.Not(this=exp.Is(this=value.copy(), expression=exp.null())))
            if column.name in table.keys:
                keys.append(rows)
            values.append(exp.select("*").from_(rows.subquery("one")).limit(_FORMATS_LOOKED_AT))
    if not keys:
        return []
    warehouse.stage("key_values", exp.union(*keys, distinct=False) if len(keys) > 1 else keys[0])
    warehouse.stage("reference_values", exp.union(*values, distinct=False) if len(values) > 1 else values[0])
    found = []
    for row in warehouse.rows(load_query(_SQL / "overlaps.sql")):
        here, there = places[row["here"]], places[row["there"]]
        if here[0] != there[0]:
            found.append(Overlap(here[0], here[1], there[0], there[1], int(row["different"]), int(row["found"])))
    return sorted(found, key=lambda one: (one.table, one.column, -one.share, one.to_table, one.to_column))


def read_table(warehouse: Warehouse, source: Source) -> Table | str:
    """The table, or why it cannot be looked at."""
    try:
        return look_at(warehouse, source)
    except WarehouseError as error:
        return str(error)


def filled_by(warehouse: Warehouse, table: Table, by: str, names: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
    """Value of column `by` -> column -> how many of its rows have something there; `""` has the number of rows."""
    counts = [exp.Count(this=exp.column(name, quoted=True)).as_(f"n{number}") for number, name in enumerate(names)]
    value = exp.column(by, quoted=True)
    query = exp.select(value.as_("value"), exp.Count(this=exp.Star()).as_("rows"), *counts).from_(table.typed.copy())
    found = {}
    for row in warehouse.rows(query.where(exp.Not(this=value.is_(exp.null()))).group_by(value.copy())):
        each = {name: int(row[f"n{number}"]) for number, name in enumerate(names)}
        found[str(row["value"])] = {"": int(row["rows"]), **each}
    return found
