"""SQL that engines say in different ways, by name. A query is built with words; the engine that runs it renders them.

A word is a call that no engine knows: its name begins with a character of private use. `Words.sql` puts the engine's
own form in its place. No node classes of our own: sqlglot's compiled build refuses subclasses made in Python.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from sqlglot import exp

from segflow.warehouse.like_patterns import with_escapes

MARK = "\ue000"
"""First character of all names that stand for something until a query is text."""
_WORD = f"{MARK}word_"


class Words(ABC):
    """One engine's forms. A method for each word, with the arguments that the function of the same name takes."""

    dialect: str
    """The sqlglot dialect that prints everything else, and reads it again."""
    text_type: str = "varchar"
    """The type of texts, in a query that is put around what people wrote."""

    def sql(self, tree: exp.Expr, **options: Any) -> str:
        """A tree as the engine's SQL. `options` are those of sqlglot's generator."""
        text = tree.sql(dialect=self.dialect, **options)
        # Few trees hold words, and to look for them in a tree costs more than to look for one in its text.
        return self.rendered(tree).sql(dialect=self.dialect, copy=False, **options) if MARK in text else text

    def pretty(self, tree: exp.Expr) -> str:
        """The same as analysts write it: lower-case functions, four spaces."""
        options: dict[str, Any] = {"pretty": True, "pad": 4, "indent": 4, "max_text_width": 100}
        return self.rendered(tree).sql(self.dialect, copy=False, normalize_functions="lower", **options)

    def rendered(self, tree: exp.Expr) -> exp.Expr:
        """A copy of a tree in which every word is said in the engine's form."""
        # Copied first: parts of a tree may share nodes, and a node that is replaced is so at one place.
        tree = tree.copy()
        found = [node for node in tree.find_all(exp.Anonymous) if str(node.this).startswith(_WORD)]
        for node in reversed(found):  # the inner ones come later
            form: exp.Expr = getattr(self, str(node.this).removeprefix(_WORD))(*node.expressions)
            if node is tree:
                return form
            node.replace(form)
        return tree

    def written_for(self, condition: exp.Expr, dialect: exp.Expr, escape: exp.Expr) -> exp.Expr:
        return condition if dialect.name == self.dialect else with_escapes(condition, dialect.name, escape.name or None)

    @staticmethod
    def macro(node: exp.Expr) -> str | None:
        """The macro that says a node of a tree in generated models, where it is one of `VALUES`."""
        name = str(node.this) if isinstance(node, exp.Anonymous) else ""
        macro = f"segflow_{name.removeprefix(_WORD)}"
        return macro if name.startswith(_WORD) and macro in VALUES else None

    @abstractmethod
    def try_cast(self, value: exp.Expr, kind: exp.DataType) -> exp.Expr: ...
    @abstractmethod
    def number(self, value: exp.Expr) -> exp.Expr: ...
    @abstractmethod
    def boolean(self, value: exp.Expr) -> exp.Expr: ...
    @abstractmethod
    def text(self, value: exp.Expr) -> exp.Expr: ...
    @abstractmethod
    def plain_id(self, text: exp.Expr) -> exp.Expr: ...
    @abstractmethod
    def average(self, numbers: exp.Expr) -> exp.Expr: ...
    @abstractmethod
    def utc_time(self, value: exp.Expr) -> exp.Expr: ...
    @abstractmethod
    def utc_day(self, value: exp.Expr) -> exp.Expr: ...
    @abstractmethod
    def unix_seconds(self, value: exp.Expr) -> exp.Expr: ...
    @abstractmethod
    def unix_milliseconds(self, value: exp.Expr) -> exp.Expr: ...
    @abstractmethod
    def unix_reaches(self, value: exp.Expr, time: exp.Expr, microseconds: exp.Expr) -> exp.Expr: ...
    @abstractmethod
    def time_of_text(self, text: exp.Expr) -> exp.Expr: ...
    @abstractmethod
    def later(self, time: exp.Expr, seconds: exp.Expr) -> exp.Expr: ...
    @abstractmethod
    def engine_clock(self, time: exp.Expr, zone: exp.Expr) -> exp.Expr: ...
    @abstractmethod
    def iso_time(self, time: exp.Expr) -> exp.Expr: ...
    @abstractmethod
    def microseconds_between(self, earlier: exp.Expr, later: exp.Expr) -> exp.Expr: ...
    @abstractmethod
    def finite(self, number: exp.Expr) -> exp.Expr: ...
    @abstractmethod
    def lower(self, text: exp.Expr) -> exp.Expr: ...
    @abstractmethod
    def has_part(self, text: exp.Expr, part: exp.Expr) -> exp.Expr: ...
    @abstractmethod
    def starts_with(self, text: exp.Expr, start: exp.Expr) -> exp.Expr: ...
    @abstractmethod
    def ends_with(self, text: exp.Expr, end: exp.Expr) -> exp.Expr: ...
    @abstractmethod
    def matches(self, text: exp.Expr, pattern: exp.Expr) -> exp.Expr: ...
    @abstractmethod
    def similarity(self, text: exp.Expr, other: exp.Expr) -> exp.Expr: ...
    @abstractmethod
    def text_hash(self, text: exp.Expr) -> exp.Expr: ...
    @abstractmethod
    def row_hash(self, *texts: exp.Expr) -> exp.Expr: ...
    @abstractmethod
    def json_text(self, document: exp.Expr, *keys: exp.Literal) -> exp.Expr: ...
    @abstractmethod
    def json_part(self, document: exp.Expr, *keys: exp.Literal) -> exp.Expr: ...
    @abstractmethod
    def numeral(self, text: exp.Expr, part: exp.Expr) -> exp.Expr: ...
    @abstractmethod
    def json_texts(self, document: exp.Expr, *keys: exp.Literal) -> exp.Expr: ...
    @abstractmethod
    def json_line(self, *fields: exp.Expr) -> exp.Expr: ...
    @abstractmethod
    def list_of_text(self, value: exp.Expr) -> exp.Expr: ...
    @abstractmethod
    def list_lower(self, texts: exp.Expr) -> exp.Expr: ...
    @abstractmethod
    def list_contains(self, values: exp.Expr, value: exp.Expr) -> exp.Expr: ...
    @abstractmethod
    def list_overlaps(self, texts: exp.Expr, *others: exp.Expr) -> exp.Expr: ...
    @abstractmethod
    def list_rows(self, *values: exp.Expr) -> exp.Expr: ...
    @abstractmethod
    def list_items(self, values: exp.Expr) -> exp.Expr: ...
    @abstractmethod
    def json_list(self, document: exp.Expr, kind: exp.DataType) -> exp.Expr: ...
    @abstractmethod
    def first_by(self, value: exp.Expr, where: exp.Expr, *order: exp.Expr) -> exp.Expr: ...


def _word(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    return exp.Anonymous(this=f"{_WORD}{name}", expressions=list(arguments))


def written_for(condition: exp.Expr, dialect: str, escape: str | None) -> exp.Expr:
    """A condition that people wrote in `dialect`, where `escape` takes the next sign of a pattern for itself (None:
    nothing does): as it is there, and elsewhere so that it means the same, or InputError."""
    return _word("written_for", condition, exp.Literal.string(dialect), exp.Literal.string(escape or ""))


def try_cast(value: exp.Expr, kind: exp.DataType) -> exp.Expr:
    """`value` as `kind`; null where it cannot be read as that. Never an error."""
    return _word("try_cast", value, kind)


def number(value: exp.Expr) -> exp.Expr:
    """A value of any type as DECIMAL(38, 12): decimals, whole numbers and texts of numbers as they are, a double as its
    shortest decimal text; finer digits are rounded, and beyond 10^20 it is 10^20. NaN, infinity and what is no number
    are null."""
    return _word("number", value)


def boolean(value: exp.Expr) -> exp.Expr:
    """A value of any type as true or false; blanks around a text do not matter. Null for any other."""
    return _word("boolean", value)


def text(value: exp.Expr) -> exp.Expr:
    """A value of any type as text; a number as briefly as it can be written: 2 for 2.0 and 2.00. Null for NaN and
    infinity."""
    return _word("text", value)


def plain_id(text: exp.Expr) -> exp.Expr:
    """What is left of an id without the way in which it is written: `1001` of `1001`, `01001`, `1001.0`, ` 1,001` and
    `1.001e3`; a UUID without hyphens and braces, in lower case. Two ids of which the same is left are likely one."""
    return _word("plain_id", text)


def average(numbers: exp.Expr) -> exp.Expr:
    """An aggregate: the average of DECIMAL(38, 12), with a 13th place that says on which side of the first 12 the rest
    of the quotient lies. A number of 12 places is over, under or equal to it exactly when it is so to the quotient."""
    return _word("average", numbers)


def utc_time(value: exp.Expr) -> exp.Expr:
    """The instant that a value of any type stands for, in UTC and without zone, whatever the session's zone is: of a
    column with a zone that instant, of a day its midnight, all else as it is. A text may name an offset only
    where it is read by `time_of_text`. Null for what is no time. A filter on a column of times still reaches
    the scan."""
    return _word("utc_time", value)


def utc_day(value: exp.Expr) -> exp.Expr:
    """The day that a value of any type stands for, an instant with a zone in UTC. Null for what is none."""
    return _word("utc_day", value)


def unix_seconds(value: exp.Expr) -> exp.Expr:
    """The time, in UTC and without zone, that a value of any type stands for as a number of seconds since 1970, to the
    microsecond. Null for what is no number, for true and false, and outside of the years 1 to 9999."""
    return _word("unix_seconds", value)


def unix_milliseconds(value: exp.Expr) -> exp.Expr:
    """As `unix_seconds`, of milliseconds."""
    return _word("unix_milliseconds", value)


def unix_reaches(value: exp.Expr, time: exp.Expr, microseconds: int) -> exp.Expr:
    """A filter that reaches the scan, for what is then filtered by its time: false only for a number of so many
    microseconds since 1970 that is earlier than `time`. True wherever that cannot be told from the number alone."""
    return _word("unix_reaches", value, time, exp.Literal.number(microseconds))


def time_of_text(text: exp.Expr) -> exp.Expr:
    """The instant that a text names, in UTC and without zone; a text without an offset is UTC. Null for any other."""
    return _word("time_of_text", text)


def later(time: exp.Expr, seconds: exp.Expr) -> exp.Expr:
    """A time so many seconds later, or earlier for a negative number; without zones, so every day has 24 hours."""
    return _word("later", time, seconds)


def engine_clock(time: exp.Expr, zone: exp.Expr) -> exp.Expr:
    """What the clocks of `zone` show at a UTC time in the engine's own opinion. Its table of zones has an age of its
    own: only `doctor` asks, all else goes by `segflow.zones`."""
    return _word("engine_clock", time, zone)


def iso_time(time: exp.Expr) -> exp.Expr:
    """A UTC time as text: `2026-01-31T12:00:00.000000Z`."""
    return _word("iso_time", time)


def microseconds_between(earlier: exp.Expr, later: exp.Expr) -> exp.Expr:
    """A whole number, negative when `later` is the earlier one."""
    return _word("microseconds_between", earlier, later)


def finite(number: exp.Expr) -> exp.Expr:
    """Is it a number, neither infinite nor NaN?"""
    return _word("finite", number)


def lower(text: exp.Expr) -> exp.Expr:
    """A text in lower case, letters beyond ASCII included."""
    return _word("lower", text)


def has_part(text: exp.Expr, part: exp.Expr) -> exp.Expr:
    """Does `part` stand anywhere in a text? Nothing in it is a wildcard."""
    return _word("has_part", text, part)


def starts_with(text: exp.Expr, start: exp.Expr) -> exp.Expr:
    """Does a text begin so? Nothing in it is a wildcard."""
    return _word("starts_with", text, start)


def ends_with(text: exp.Expr, end: exp.Expr) -> exp.Expr:
    """Does a text end so? Nothing in it is a wildcard."""
    return _word("ends_with", text, end)


def matches(text: exp.Expr, pattern: exp.Expr) -> exp.Expr:
    """Does a regular expression, in the engine's own syntax, match any part of a text?"""
    return _word("matches", text, pattern)


def similarity(text: exp.Expr, other: exp.Expr) -> exp.Expr:
    """How alike two texts are: 1 for equal ones, 0 for those that have nothing in common."""
    return _word("similarity", text, other)


def text_hash(text: exp.Expr) -> exp.Expr:
    """The MD5 of a text's UTF-8 bytes, 32 hex digits in lower case: the same on every engine, so hash only text."""
    return _word("text_hash", text)


def row_hash(*texts: exp.Expr) -> exp.Expr:
    """The `text_hash` of texts and whole numbers with `|` between them; those that are null are left out."""
    return _word("row_hash", *texts)


def json_text(document: exp.Expr, *keys: str) -> exp.Expr:
    """The value that keys of JSON objects lead to, as text; null where there is none, where something on the way is no
    object, or the document is neither JSON nor a struct. A key is just that: nothing in it is a pattern or a position
    in a list."""
    return _word("json_text", document, *map(exp.Literal.string, keys))


def json_part(document: exp.Expr, *keys: str) -> exp.Expr:
    """As `json_text`, as JSON."""
    return _word("json_part", document, *map(exp.Literal.string, keys))


def numeral(text: exp.Expr, part: exp.Expr) -> exp.Expr:
    """The text of a part of a JSON document; a number as briefly as it can be written: 2 for 2.0."""
    return _word("numeral", text, part)


def json_texts(document: exp.Expr, *keys: str) -> exp.Expr:
    """The list of all texts that keys lead to, where a list on the way, and at its end, stands for all of its elements;
    one text is a list of one, nothing an empty list. Numbers are written as briefly as they can be."""
    return _word("json_texts", document, *map(exp.Literal.string, keys))


def json_line(fields: Sequence[tuple[str, exp.Expr]]) -> exp.Expr:
    """A JSON object of (name, value) pairs as one line of text. Nulls are kept as `null`."""
    pairs = [exp.PropertyEQ(this=exp.Literal.string(name), expression=value) for name, value in fields]
    return _word("json_line", *pairs)


def list_of_text(value: exp.Expr) -> exp.Expr:
    """A list of texts from a list, or from the text of a JSON array; its nulls are left out, and numbers are written as
    briefly as they can be. Null for any other."""
    return _word("list_of_text", value)


def list_lower(texts: exp.Expr) -> exp.Expr:
    """A list of texts, each in lower case."""
    return _word("list_lower", texts)


def list_contains(values: exp.Expr, value: exp.Expr) -> exp.Expr:
    """Is a value in a list?"""
    return _word("list_contains", values, value)


def list_overlaps(texts: exp.Expr, others: Sequence[exp.Expr]) -> exp.Expr:
    """Is any of `others` in a list of texts?"""
    return _word("list_overlaps", texts, *others)


def list_rows(values: Sequence[exp.Expr]) -> exp.Expr:
    """A projection that makes a row of each value."""
    return _word("list_rows", *values)


def list_items(values: exp.Expr) -> exp.Expr:
    """A projection that makes a row of each element of a list."""
    return _word("list_items", values)


def json_list(document: exp.Expr, kind: exp.DataType) -> exp.Expr:
    """A list of `kind` from the text of a JSON array of texts. Each of them can be read as that."""
    return _word("json_list", document, kind)


def first_by(value: exp.Expr, order: Sequence[exp.Ordered], where: exp.Expr | None = None) -> exp.Expr:
    """An aggregate: `value` of the first row by `order`, of the rows that satisfy `where`. Null times come last."""
    return _word("first_by", value, where if where is not None else exp.true(), *order)


CALLED: dict[str, Callable[..., exp.Expr]] = {"row_hash": row_hash, "plain_id": plain_id}
"""The words that the engine's `.sql` files may call by name."""

VALUES: dict[str, Callable[..., exp.Expr]] = {
    f"segflow_{word.__name__}": word
    for word in (
        number,
        boolean,
        text,
        average,
        utc_time,
        utc_day,
        unix_seconds,
        unix_milliseconds,
        list_of_text,
        numeral,
    )
}
"""The words that generated models call by name, as macros: their forms are long."""

UNIX = {"seconds": (unix_seconds, 1_000_000), "milliseconds": (unix_milliseconds, 1_000)}
"""What a time may be a number of: the word that reads it, and its microseconds."""
