"""What is proposed: the catalog in the making, and why."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlglot import exp

from segflow.specs.columns import Unix
from segflow.specs.types import ValueType
from segflow.start.profile import Table
from segflow.start.readings import Column


@dataclass(frozen=True)
class Choice:
    """One thing that was decided, and why: `what` is short, `why` has the numbers."""

    what: str
    why: str


@dataclass(frozen=True)
class Link:
    """A column that holds the keys of another table. `by` is what the keys stand in, where that is not its key."""

    table: str
    column: str
    to_table: str
    to_column: str
    why: str
    rank: float = 0.0


@dataclass(frozen=True)
class Value:
    """An attribute, property or field: its name in the catalog, and the column of the staging model."""

    name: str
    column: str
    type: ValueType
    unix: Unix | None = None
    path: tuple[str, ...] = ()
    """The keys inside of `column`, of what a document holds."""
    description: str | None = None

    @property
    def is_short(self) -> bool:
        """Can it be written as its type alone?"""
        return self.name == self.column and not (self.unix or self.path or self.description)


@dataclass(frozen=True)
class Made:
    """A column that a staging model makes of others."""

    name: str
    type: ValueType
    how: exp.Expr
    told: str


@dataclass
class Contacts:
    """Which table the contacts are, and what its columns say."""

    table: Table
    key: str
    attributes: list[Value]
    created_at: Value | None = None
    email: str | None = None
    phone: str | None = None
    consent: dict[str, str] = field(default_factory=dict)
    """Channel -> the boolean attribute that says whether it may be used."""
    time_zone: str | None = None
    birthday: str | None = None
    first_name: str | None = None
    trial_end: str | None = None
    made: list[Made] = field(default_factory=list)
    derived: list[str] | None = None
    """Columns of a table of events that are the same for all rows of a contact: there is no table of contacts, and one
    is made of that."""
    model: str = ""

    def attribute(self, name: str) -> Value:
        return next(one for one in self.attributes if one.name == name)


@dataclass
class Kind:
    """One event of a source: the name that conditions use, what the data calls it, its properties."""

    name: str
    text: str
    properties: list[Value]
    rows: int


@dataclass
class Events:
    """A table with a row per event."""

    table: Table
    model: str
    contact: str
    at: Value
    kinds: list[Kind]
    name_column: str | None = None
    """None: all rows are one event."""
    id: str | None = None
    link: Link | None = None
    payload: str | None = None


@dataclass
class Object:
    """A table with a row per thing that contacts have, or that they belong to."""

    name: str
    table: Table
    model: str
    key: str
    fields: list[Value]
    belongs_to: str = "contact"
    via: str | None = None
    contacts_by: str | None = None
    created_at: Value | None = None
    link: Link | None = None
    counted: bool = False
    """Has it no column that tells its rows apart, so that the staging model numbers them?"""


@dataclass
class Labels:
    """A table of list members or of tags."""

    kind: str
    table: Table
    model: str
    contact: str
    name: str
    added_at: Value | None
    link: Link | None = None


@dataclass
class Proposal:
    """The catalog in the making."""

    contacts: Contacts
    events: list[Events] = field(default_factory=list)
    objects: list[Object] = field(default_factory=list)
    labels: list[Labels] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def kind(self, *names: str) -> tuple[Events, Kind] | None:
        """The first of these events that is there."""
        for name in names:
            for source in self.events:
                for one in source.kinds:
                    if one.name == name:
                        return source, one
        return None


def value_of(column: Column, name: str | None = None, description: str | None = None) -> Value:
    """What the catalog says of a column that conditions can look at."""
    assert column.type is not None
    return Value(name or column.name, column.name, column.type, column.unix, (), description)
