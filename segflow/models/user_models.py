"""What the catalog says about the user's models, held against what the warehouse has.

dbt says that a model failed; here is said which column of which model is at fault, and where the catalog names it. And
there are faults that fail nothing: a column that holds something else by now reads as missing everywhere, and ids that
are written in another way match nobody. Both would move whole segments in silence, so both are found here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow as pa
from sqlglot import exp

from segflow.errors import RunError, WarehouseError, did_you_mean
from segflow.models.catalog_columns import Column, contact_columns, parts_of
from segflow.models.column_types import always_fits, is_number, is_text
from segflow.models.unix_columns import Told
from segflow.segments.membership_models import CONTACTS
from segflow.segments.sql import col, typed
from segflow.specs.spec_file import SpecFile, read_spec_file
from segflow.ticks.context import TickContext
from segflow.warehouse import words
from segflow.warehouse.base import relation
from segflow.warehouse.sqlfile import load_query

_SQL = Path(__file__).parent / "sql"
_CATALOG = "segment_specs/catalog.yml"
_ROWS_LOOKED_AT = 100_000
_IDS_LOOKED_AT = 1_000
_NOT_BUILT = "; a tick does not build your models (dbt.build: own): run dbt build, then the tick again"


class UserModels:
    """The user's models as the warehouse has them now."""

    def __init__(self, context: TickContext) -> None:
        self._compiled, self._warehouse, self._resolve = context.compiled, context.warehouse, context.relation
        self._schemas: dict[str, pa.Schema | None] = {}
        self.failed: dict[str, str] = {}
        """Model -> why it cannot be read, of those that were asked for. A view that dbt built before fails here when
        what is below it is gone: dbt is not asked to build it again."""
        self._values: dict[Column, str | None] = {}
        self._partly: dict[Column, str] = {}
        self._places: SpecFile | None = None

    def missing(self, columns: Iterable[Column]) -> str | None:
        """The first of `columns` that cannot be had, in words: its model cannot be read or does not have it."""
        for column in columns:
            schema = self._schema(column.model)
            if schema is None:
                return f"model {column.model} cannot be read: {self.failed[column.model]}"
            if column.name.lower() not in [name.lower() for name in schema.names]:
                near = did_you_mean(column.name, schema.names) or f"; it has {', '.join(schema.names)}"
                return f"model {column.model} has no column {column.name} ({self._role(column)}){near}"
        return None

    def unreadable(self, columns: Iterable[Column]) -> str | None:
        """The first of `columns` that holds values, and none of its type, in words."""
        for column in columns:
            if column not in self._values:
                self._values[column] = self._judge(column)
            if found := self._values[column]:
                return found
        return None

    def partly_unread(self, column: Column) -> str | None:
        """That a column which can be read holds some values that cannot, in words that follow its name."""
        self.unreadable([column])
        return self._partly.get(column)

    def other_ids(self, column: Column, ids: exp.Query) -> str | None:
        """Are `ids` (contact_id; some of those in `column`) written in another way than the contacts' own? In words."""
        w = self._warehouse
        own = Column(
            self._compiled.specs.catalog.contacts.model, self._compiled.specs.catalog.contacts.key, None, "", ()
        )
        as_text = exp.cast(col("contact_id"), "VARCHAR").as_("id")
        looked_at = exp.select(as_text).distinct().from_(ids.limit(_IDS_LOOKED_AT).subquery("seen"))
        # Nearly always all is well, and one question says so.
        [asked] = w.rows(load_query(_SQL / "ids_counted.sql").with_("ids", as_=looked_at.copy()))
        if asked["seen"] <= 2 * asked["known"]:
            return None
        w.stage("ids_seen", looked_at)
        w.stage("unknown_ids", load_query(_SQL / "unknown_ids.sql"))
        seen, unknown = w.sizes(["ids_seen", "unknown_ids"])
        known = seen - unknown
        if known >= unknown or not self._count(relation(CONTACTS)):
            return None
        [alike] = w.rows(load_query(_SQL / "alike_ids.sql"))
        here, there = f"column {column.name} of model {column.model}", f"column {own.name} of model {own.model}"
        if alike["times"] > known:
            return (
                f"{here} writes contact ids in another way ({alike['here']}) than {there} ({alike['there']}), so that "
                f"they belong to nobody ({self._role(column)}); write them alike in both models"
            )
        kinds = self._family(column), self._family(own)
        if known == 0 and None not in kinds and kinds[0] != kinds[1]:
            shown = w.scalar(exp.select(exp.Min(this=exp.column("id"))).from_("temp.ids_seen"))
            return (
                f"{here} holds contact ids as {kinds[0]} ({shown}) and {there} as {kinds[1]}, and none of them belongs "
                f"to a contact ({self._role(column)}); use the same ids in both models"
            )
        return None

    def sample(self, column: Column) -> exp.Query:
        """(contact_id) of rows of a user's model."""
        found = exp.select(col(column.name).as_("contact_id")).from_(self._resolve(column.model))
        return found.where(exp.Not(this=exp.Is(this=col(column.name), expression=exp.null()))).limit(_ROWS_LOOKED_AT)

    def _judge(self, column: Column) -> str | None:
        schema = self._schema(column.model)
        actual = _field_type(schema, column.name) if schema is not None else None
        if actual is not None and (known := _fields_there(actual, column.keys)) is not None:
            path = ", ".join((column.name, *column.keys))
            near = f"; it has {', '.join(known)}" if known else ""
            return f"model {column.model} has nothing at [{path}] ({self._role(column)}){near}"
        if column.is_id and actual is not None and pa.types.is_floating(actual):
            return (
                f"column {column.name} of model {column.model} ({self._role(column)}) holds ids as "
                f"{_sql_name(actual)}: beyond 2^53 several of them would be one, and 1001 is written 1001.0. Cast it "
                "to BIGINT in the model, or to VARCHAR where segflow has already ticked with such ids, so that they "
                "stay as they are"
            )
        if actual is None or column.kind is None or always_fits(actual, column.kind, column.unix):
            return None
        value = col(column.name, "looked_at")
        text = exp.cast(value.copy(), "VARCHAR")
        given = exp.func("nullif", exp.Trim(this=text.copy()), exp.Literal.string(""))
        read = typed(value.copy(), column.kind, column.unix)
        unread = exp.and_(_is_set(given.copy()), exp.Is(this=read.copy(), expression=exp.null()))
        shifted = exp.NEQ(this=words.time_of_text(text.copy()), expression=read.copy())
        shown, times = exp.Min(this=text.copy()), Told(column.kind, column.unix, column.time)
        query = exp.select(
            exp.Count(this=given).as_("given"),
            exp.Count(this=read).as_("read"),
            exp.Filter(this=shown, expression=exp.Where(this=unread)).as_("wrong"),
            exp.Filter(this=shown.copy(), expression=exp.Where(this=shifted)).as_("zoned")
            if column.kind == "timestamp" and column.unix is None and is_text(actual)
            else exp.null().as_("zoned"),
            times.newest(read),
        )
        rows = exp.select(col(column.name)).from_(self._resolve(column.model)).limit(_ROWS_LOOKED_AT)
        try:
            [found] = self._warehouse.rows(query.from_(rows.subquery("looked_at")))
        except WarehouseError:
            return None  # the model itself cannot be read: dbt has said so
        what = f"column {column.name} of model {column.model} ({self._role(column)})"
        if found["zoned"] is not None:
            return (
                f"{what} holds times as texts with a zone, like {found['zoned']}, and the zone would be lost: cast it "
                "to TIMESTAMPTZ in the model"
            )
        if found["given"] and not found["read"]:
            return f"{what} {times.unread(column.name, rows.subquery('seen'), found['wrong'], self._warehouse)}"
        if found["given"] > found["read"]:
            many, wrong = found["given"] - found["read"], found["wrong"]
            self._partly[column] = (
                f"holds {many:,} of {found['given']:,} values that are no {column.kind}, like {wrong}"
            )
        fault = times.early(found["newest"])
        return f"{what} {fault}" if fault else None

    def schema(self, model: str) -> pa.Schema | None:
        """The columns of a model; None when it cannot be read, and `failed` says why."""
        return self._schema(model)

    def type_of(self, column: Column) -> pa.DataType | None:
        """The type that a column has in the warehouse; None when there is none."""
        schema = self._schema(column.model)
        return _field_type(schema, column.name) if schema is not None else None

    def place(self, column: Column) -> str:
        """Where the catalog names a column: FILE:LINE:COLUMN."""
        line, at = self._catalog_file().place(column.loc)
        return f"{_CATALOG}:{line}:{at}"

    def _schema(self, model: str) -> pa.Schema | None:
        if model not in self._schemas:
            try:
                found = self._warehouse.query(exp.select("*").from_(self._resolve(model)).limit(0))
                self._schemas[model] = found.schema
            except (WarehouseError, RunError) as error:
                hint = "" if self._compiled.specs.settings.dbt.builds_upstream else _NOT_BUILT
                self._schemas[model], self.failed[model] = None, f"{error}{hint}"
        return self._schemas[model]

    def _family(self, column: Column) -> str | None:
        schema = self._schema(column.model)
        actual = _field_type(schema, column.name) if schema is not None else None
        if actual is None:
            return None
        return "numbers" if is_number(actual) else "texts" if is_text(actual) else None

    def _role(self, column: Column) -> str:
        return f"{column.role}, {_CATALOG}:{self._catalog_file().place(column.loc)[0]}"

    def _catalog_file(self) -> SpecFile:
        if self._places is None:
            self._places = read_spec_file(self._compiled.specs.root / _CATALOG, _CATALOG)
        return self._places

    def _count(self, table: exp.Table | str) -> int:
        return int(self._warehouse.scalar(exp.select(exp.Count(this=exp.Star())).from_(table)))


def silent_faults(context: TickContext, broken: Mapping[str, str]) -> dict[str, str]:
    """What failed nothing and is wrong: part (`model.column`) -> reason. `broken` are known already.

    Parts are those of `parts_of`. Only columns whose type leaves room for doubt are read. Raises
    RunError when it cannot be said which contacts exist.
    """
    compiled, user_models = context.compiled, UserModels(context)
    if fault := user_models.unreadable(contact_columns(compiled)):
        raise RunError(f"the contacts cannot be built: {fault}")
    faults: dict[str, str] = {}
    ids: dict[str, str | None] = {}
    for name, columns in parts_of(compiled).items():
        if name in broken or not columns:
            continue
        model = name.split(".", 1)[0]
        # A model of which nothing could be built: what an enrollment asks of the same rows cannot be answered either.
        built = [column.name for column in compiled.columns.values() if column.model == model]
        if built and set(built) <= set(broken):
            faults[name] = broken[built[0]]
            continue
        fault = user_models.unreadable(columns)
        if fault is None and model != CONTACTS:
            if model not in ids:
                rows = exp.select("contact_id").from_(relation(model)) if built else user_models.sample(columns[0])
                try:
                    ids[model] = user_models.other_ids(columns[0], rows)
                except WarehouseError:
                    ids[model] = None  # a model that only flows read, and that they will not be able to read
            fault = ids[model]
        if fault is not None:
            faults[name] = fault
    return faults


def _sql_name(kind: pa.DataType) -> str:
    return "DOUBLE" if kind == pa.float64() else "FLOAT"


def _is_set(value: exp.Expr) -> exp.Expr:
    return exp.Not(this=exp.Is(this=value, expression=exp.null()))


def _field_type(schema: pa.Schema, name: str) -> pa.DataType | None:
    return next((found.type for found in schema if found.name.lower() == name.lower()), None)


def _fields_there(kind: pa.DataType, keys: tuple[str, ...]) -> list[str] | None:
    """The fields that a struct has in place of one of `keys`; None when it may have all of them."""
    for key in keys:
        while pa.types.is_list(kind) or pa.types.is_large_list(kind):
            kind = kind.value_type
        if not isinstance(kind, pa.StructType):
            return [] if pa.types.is_primitive(kind) else None
        names = [field.name for field in kind]
        if key not in names:
            return names
        kind = kind.field(key).type
    return None
