"""The compiler's own tree: conditions with every name resolved, every value typed, every window a comparison.

All nodes are frozen and hashable: two facts that are equal are one fact.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Literal

from segflow.durations import Duration
from segflow.segments.bounds import Bound
from segflow.specs.types import ValueType
from segflow.warehouse.names import whole

Operator = Literal[
    "eq", "in", "lt", "lte", "gt", "gte", "contains", "starts_with", "ends_with", "matches", "is_set", "anniversary"
]
SourceKind = Literal["event", "events", "object", "message", "list", "tag", "contact", "held"]
Aggregate = Literal["count", "sum", "avg", "min", "max", "count_distinct", "first", "last", "match"]


class Node:
    """A two-valued condition."""

    def children(self) -> tuple[Node, ...]:
        return ()

    def walk(self) -> Iterator[Node]:
        """This node and all below it; the conditions inside facts are not entered."""
        yield self
        for child in self.children():
            yield from child.walk()


@dataclass(frozen=True)
class And(Node):
    items: tuple[Node, ...]

    def children(self) -> tuple[Node, ...]:
        return self.items


@dataclass(frozen=True)
class Or(Node):
    items: tuple[Node, ...]

    def children(self) -> tuple[Node, ...]:
        return self.items


@dataclass(frozen=True)
class Not(Node):
    item: Node

    def children(self) -> tuple[Node, ...]:
        return (self.item,)


@dataclass(frozen=True)
class Const(Node):
    value: bool


@dataclass(frozen=True)
class Constant:
    """A typed value of the spec."""

    value: bool | int | float | str | date | datetime
    type: ValueType


@dataclass(frozen=True)
class Anchor:
    """Something of the enrollment that is looked at: when it began, when the event that triggered it happened, when it
    took step `step` (null when it has not), when the tick before was; its id; its visit."""

    of: Literal["enrollment", "trigger", "step", "last_tick", "id", "visit"] = "enrollment"
    step: str = ""

    @property
    def column(self) -> str:
        """The column that holds it in a query over rows. No property has a blank in its name."""
        names = {
            "enrollment": "enrolled at",
            "trigger": "triggered at",
            "last_tick": "last tick",
            "id": "enrollment id",
            "visit": "this visit",
        }
        return names.get(self.of) or whole(f"took {self.step}")


@dataclass(frozen=True)
class Value:
    """A column of the contact, or of the row that a fact looks at. `at` is the row's own time. In flows also a property
    of the event that enrolled the contact (`trigger`), and something of the crossing or the enrollment."""

    of: Literal["contact", "row", "trigger", "crossing", "enrollment"]
    name: str
    type: ValueType
    owner: str = ""
    """The object above the row that has it; empty for the row itself."""
    day_in: str | None = None
    """A zone: what counts is the day there on which the timestamp lies; `type` is then date."""


Operand = Constant | Bound | Anchor | Value

ROW_AT = Value("row", "@at", "timestamp")
"""The row's own time; the sign keeps it apart from a property that is called `at`."""


@dataclass(frozen=True)
class Periods:
    """Which of the last days, weeks or months before `as_of` a row lies in, counted back from 0; `number` of them."""

    unit: Literal["day", "week", "month"]
    number: int

    @property
    def name(self) -> str:
        return f"{self.unit}s"

    @property
    def span(self) -> Duration:
        """One period."""
        return Duration.parse(f"1 {self.unit}")


@dataclass(frozen=True)
class Source:
    """Where a fact reads: an event or object by name, the events whose names begin with `name`, the messages that
    were `name` (sent, opened, ...), the lists, the tags, the contacts themselves, or since when they have held the
    attribute `name`."""

    kind: SourceKind
    name: str = ""
    contacts_by: str = ""
    """The attribute that leads from the contact to the object at the end of the path, where contacts belong to it."""

    @property
    def model(self) -> str:
        """The fact model that holds the facts of this source, those that need a sequence excepted."""
        return whole(self._model)

    @property
    def sequence_model(self) -> str:
        """The fact model that holds the facts that need a sequence."""
        return whole(self._model.replace("facts__event", "facts__sequence", 1))

    @property
    def _model(self) -> str:
        if self.kind == "events":
            return f"facts__events_{self.name}" if self.name else "facts__events"
        if self.kind in ("event", "object", "message"):
            return f"facts__{self.kind}_{self.name}"
        return {"list": "facts__lists", "tag": "facts__tags"}.get(self.kind) or f"facts__{self.kind}"


@dataclass(frozen=True)
class Followed(Node):
    """Is there a row of `source` that satisfies `where`, later than the row that is looked at, by `within` seconds at
    most?"""

    source: Source
    where: Node
    within: int

    @property
    def next(self) -> Value:
        """When the next such row is; null when there is none."""
        digest = hashlib.sha256(f"{describe(self.source)} {describe(self.where)}".encode()).hexdigest()[:8]
        return Value("row", f"@next {self.source.name} {digest}", "timestamp")


@dataclass(frozen=True)
class Fact:
    """A per-contact aggregate. `match` (lists, tags, contacts) is a boolean: does any row satisfy `where`."""

    source: Source
    where: Node
    aggregate: Aggregate
    measure: Value | Periods | None
    type: ValueType

    @property
    def model(self) -> str:
        """The fact model that holds it. Sequences sort all their rows, which plain facts should not pay for."""
        if any(isinstance(node, Followed) for node in self.where.walk()):
            return self.source.sequence_model
        return self.source.model

    @property
    def per_enrollment(self) -> bool:
        """True when it looks at the enrollment itself: such a fact has one value per enrollment."""
        return any(anchors(self.where))


Subject = Value | Fact


@dataclass(frozen=True)
class Compare(Node):
    subject: Subject
    operator: Operator
    operands: tuple[Operand, ...] = ()
    ignore_case: bool = False


@dataclass(frozen=True)
class Bucket(Node):
    """Does the hash of salt and contact lie in [low, high)? Both in hundredths of a percent."""

    salt: str
    low: int
    high: int


@dataclass(frozen=True)
class Sql(Node):
    """A boolean expression over the columns of the contacts, their names, and the dialect that it is written in."""

    text: str
    names: tuple[str, ...]
    dialect: str


@dataclass(frozen=True)
class Member(Node):
    """Is a member of another segment."""

    segment: str


@dataclass(frozen=True)
class Crossed(Node):
    """Entered or exited a segment since the enrollment, or since the tick before as well."""

    kind: Literal["enters", "exits"]
    segment: str
    since: Literal["enrollment", "last_tick"] = "enrollment"


TRUE = Const(True)


def operands(node: Node) -> Iterator[Operand]:
    """Every operand below `node`, those inside facts excluded."""
    for below in node.walk():
        if isinstance(below, Compare):
            yield from below.operands


def anchors(node: Node) -> Iterator[Anchor]:
    """What `node` asks of the enrollment."""
    return (operand for operand in operands(node) if isinstance(operand, Anchor))


def facts_of(node: Node) -> Iterator[Fact]:
    """Every fact that `node` compares, in order, repeats included."""
    for below in node.walk():
        if isinstance(below, Compare) and isinstance(below.subject, Fact):
            yield below.subject


def followed(node: Node) -> Iterator[Followed]:
    """What rows must be followed by, directly: the conditions inside these are not entered."""
    return (below for below in node.walk() if isinstance(below, Followed))


def sources_of(fact: Fact) -> set[Source]:
    """Every source whose rows a fact looks at."""
    found = {fact.source}
    waiting = list(followed(fact.where))
    while waiting:
        node = waiting.pop()
        found.add(node.source)
        waiting += followed(node.where)
    return found


def bounds_of(node: Node) -> Iterator[Bound]:
    """Every moving bound below `node`, those inside facts included."""
    for operand in operands(node):
        if isinstance(operand, Bound):
            yield operand
    for fact in facts_of(node):
        yield from bounds_of(fact.where)
    for later in followed(node):
        yield from bounds_of(later.where)


def describe(item: object) -> str:
    """A stable text of a node, fact or operand; equal texts mean equal meaning. Golden files and hashes use it."""
    match item:
        case And(items) | Or(items):
            return f"{type(item).__name__.lower()}({', '.join(describe(i) for i in items)})"
        case Constant(value, kind):
            return f"{value!r}:{kind}"
        case Bound():
            return f"<{item.key}>"
        case Value(of, name, kind, owner, zone):
            whole = f"{of}.{owner}.{name}" if owner else f"{of}.{name}"
            return f"{whole}@{zone}:{kind}" if zone else f"{whole}:{kind}"
        case Bucket(salt, low, high):
            return f"bucket({salt!r}, {low}, {high})"
        case Source():
            return f"{item.kind}:{item.name}" if item.name else item.kind
        case Sql(text, names):
            # Whatever it is written in: a project that moves to another engine has the rules that it had.
            return f"sql({describe(text)}, {describe(names)})"
        case Node() | Fact() | Anchor() | Periods():
            parts = [describe(getattr(item, field.name)) for field in fields(item)]  # type: ignore[arg-type]
            return f"{type(item).__name__.lower()}({', '.join(parts)})"
        case tuple():
            return f"[{', '.join(describe(i) for i in item)}]"
        case _:
            return str(item)
