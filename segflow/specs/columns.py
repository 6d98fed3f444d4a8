"""How the catalog names a column: one that holds a time, one that holds a typed value."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import model_serializer, model_validator

from segflow.specs.types import ColumnName, ColumnPath, SpecModel, ValueType

Unix = Literal["seconds", "milliseconds"]
"""What a time is a number of, counted from 1970-01-01 00:00 UTC."""


class TimeColumn(SpecModel):
    """The column with a row's time. `at: occurred_at` is short for `at: {column: occurred_at}`."""

    column: ColumnName
    """The column that holds it."""
    unix: Unix | None = None
    """Given where the column holds numbers, counted from 1970-01-01 00:00 UTC: seconds or milliseconds."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"column": value} if isinstance(value, str) else value

    @model_serializer
    def _as_written(self) -> str | dict[str, str]:
        return self.column if self.unix is None else {"column": self.column, "unix": self.unix}


class Attribute(SpecModel):
    """A typed value of a contact, event or object. `email: text` is short for `email: {type: text}`."""

    type: ValueType
    """text, number, integer, boolean, date, timestamp or list_of_text."""
    column: ColumnPath | None = None
    """The column (or the JSON key) that holds it, or a path like `[address, city]`: the column, and the keys that lead
    to the value in its JSON or struct; in a payload, keys alone. The attribute's own name when left out."""
    unix: Unix | None = None
    """Of a timestamp that the source keeps as a number, counted from 1970-01-01 00:00 UTC: seconds or milliseconds."""
    description: str | None = None
    """For people: what it means, in which unit."""
    written_by: Literal["source", "flows", "both"] = "source"
    """Contacts only. `source`: the model's column is the truth. `flows`: there is no column, `update_contact` steps
    write it. `both`: a value that a flow wrote hides the column's."""

    def path(self, name: str) -> tuple[str, ...]:
        """Where attribute `name` is kept: the column or key, and the keys inside of it, if any."""
        if isinstance(self.column, list):
            return tuple(self.column)
        return (self.column or name,)

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"type": value} if isinstance(value, str) else value
