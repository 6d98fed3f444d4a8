"""Conditions inside flows, for all flows at once: one query says which subject satisfies which condition.

A subject is an enrollment or a crossing that wants to become one. Conditions read `segment_members`, the facts of this
tick, and facts of the enrollment itself (events since it began), which are computed here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlglot import exp

from segflow.segments.fact_models import ROWS, aggregate, row_query
from segflow.segments.facts import FactColumn, column_name
from segflow.segments.membership_models import CONTACTS, join_facts
from segflow.segments.nodes import ROW_AT, Anchor, And, Compare, Crossed, Fact, Member, Node, Value, anchors, facts_of
from segflow.segments.predicate import Columns, predicate
from segflow.segments.sql import built, col, ident, named
from segflow.segments.stored import in_json
from segflow.specs.catalog import Catalog
from segflow.specs.origins import AT
from segflow.warehouse.base import relation
from segflow.warehouse.names import whole
from segflow.warehouse.sqlfile import literal

SUBJECTS = "subjects"
LOOKS = "looks"
"""(condition, looked_at): when the condition's flow was looked at last; null at its first tick. A flow that was held
looks back further than the others."""
ORIGINS = "origins"
"""How the subjects came in: subject_id, trigger_data (JSON, of an event that did it), kind, segment, cause and
entry_number of the crossing that did it."""
Firsts = Mapping[str, Mapping[str, datetime | None]]
"""Condition -> the earliest moments of its subjects: `enrolled_at`, and `looked_at` where it is asked for."""


@dataclass(frozen=True)
class Conditions:
    """The conditions of all flows by key (`FLOW/PLACE`), and how to name relations in a query about them."""

    nodes: Mapping[str, Node]
    columns: Mapping[Fact, FactColumn]
    catalog: Catalog
    resolve: Callable[[exp.Query], exp.Query]
    """Fills in refs and bounds."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Segment -> its key, where that is not its name: another one may have borne the name before."""

    def asked(self, keys: Sequence[str]) -> exp.Select:
        """(condition, subjects, enrolled_at and perhaps looked_at) of each condition that `temp.subjects` has, with how
        many they are and their earliest moments. `keys` are the conditions that may be there."""
        number = exp.Count(this=exp.Star()).as_(SUBJECTS)
        query = exp.select(col("condition", SUBJECTS), number, _first("enrolled_at", SUBJECTS))
        query = query.from_(exp.alias_(exp.table_(SUBJECTS, db="temp"), SUBJECTS, table=True))
        if asks_of_last_tick(self.nodes[key] for key in keys):
            query = _join_looks(query).select(_first("looked_at", LOOKS))
        return query.group_by(col("condition", SUBJECTS))

    def satisfied(self, keys: Sequence[str], firsts: Firsts | None = None) -> exp.Query:
        """(subject_id, condition) for the rows of `temp.subjects` (subject_id, contact_id, enrolled_at, visit,
        condition) whose condition, one of `keys`, holds. With `firsts`, what `asked` found about them, rows that are
        too old for all of them are not read."""
        nodes = [self.nodes[key] for key in keys]
        query = (
            exp.select(col("subject_id", SUBJECTS), col("condition", SUBJECTS))
            .from_(exp.alias_(exp.table_(SUBJECTS, db="temp"), SUBJECTS, table=True))
            .join(
                built(CONTACTS, CONTACTS),
                on=exp.EQ(this=col("contact_id", CONTACTS), expression=col("contact_id", SUBJECTS)),
            )
        )
        query = join_facts(query, nodes, self.columns)
        if _crossed_since_last_tick(nodes):
            query = _join_looks(query)
        query = self._join_members(query, nodes)
        if self.asks_origins(keys):
            query = query.join(_origins(), on=_same_subject(ORIGINS), join_type="left")
        query, own = self._join_own_facts(query, keys, firsts or {})
        columns = Columns(
            value=_value,
            fact=lambda fact: own.get(fact) or col(self.columns[fact].column, self.columns[fact].model),
            member=lambda segment: _is_set(col("contact_id", _member(segment))),
            crossed=_crossed,
        )
        case = exp.Case(this=col("condition", SUBJECTS))
        for key in keys:
            case = case.when(exp.Literal.string(key), predicate(self.nodes[key], columns))
        return self.resolve(query.where(case))

    def asks_origins(self, keys: Sequence[str]) -> bool:
        """Does any condition look at how its subject came in? `temp.origins` must be there then."""
        nodes = [self.nodes[key] for key in keys]
        return any(_from_origins(below) for node in nodes for below in node.walk()) or any(
            anchor.of == "trigger" for node in nodes for fact in facts_of(node) for anchor in anchors(fact.where)
        )

    def _join_members(self, query: exp.Select, nodes: list[Node]) -> exp.Select:
        below = {found for node in nodes for found in node.walk() if isinstance(found, (Member, Crossed))}
        joined: set[str] = set()
        for found in sorted(below, key=repr):
            if isinstance(found, Crossed) and _crossing(found) in joined:
                continue
            key = self.keys.get(found.segment, found.segment)
            of_segment = exp.column("segment_key").eq(exp.Literal.string(key))
            if isinstance(found, Member):
                alias = _member(found.segment)
                rows = exp.select("contact_id").from_(relation("segment_members")).where(of_segment)
            else:
                alias = _crossing(found)
                joined.add(alias)
                table, at = (
                    ("segment_entries", "entered_at") if found.kind == "enters" else ("segment_exits", "exited_at")
                )
                rows = (
                    exp.select(col("contact_id"), exp.Max(this=col(at)).as_("last_at"))
                    .from_(relation(table))
                    .where(of_segment)
                    .group_by("contact_id")
                )
            on = exp.EQ(this=col("contact_id", alias), expression=col("contact_id", SUBJECTS))
            query = query.join(rows.subquery(alias), on=on, join_type="left")
        return query

    def _join_own_facts(
        self, query: exp.Select, keys: Sequence[str], firsts: Firsts
    ) -> tuple[exp.Select, dict[Fact, exp.Expr]]:
        """Join the facts that have one value per enrollment: its contact's rows, looked at from when it began."""
        askers: dict[Fact, list[str]] = {}
        for key in keys:
            for fact in own_facts(self.nodes[key]):
                askers.setdefault(fact, []).append(key)
        grouped: dict[str, list[Fact]] = {}
        for fact in sorted(askers, key=column_name):
            grouped.setdefault(fact.model, []).append(fact)
        own: dict[Fact, exp.Expr] = {}
        for model, facts in sorted(grouped.items()):
            alias = whole(f"own_{model}")
            # As a literal it reaches the scan: a shop's events of years, for those who came in the last weeks.
            first = _earliest((fact, firsts.get(key, {})) for fact in facts for key in askers[fact])
            base = row_query(facts, self.catalog, lower=literal(first) if first is not None else None)
            asked = sorted({anchor for fact in facts for anchor in anchors(fact.where)}, key=lambda one: one.column)
            once = self._enrolled(asked)
            same = exp.EQ(
                this=exp.cast(exp.column("contact_id", table="found"), "VARCHAR"),
                expression=exp.column("contact_id", table="enrolled"),
            )
            moments = [col(anchor.column, "enrolled") for anchor in asked]
            rows = exp.select("enrolled.subject_id", *moments, *_values(base))
            rows = rows.from_(once.subquery("enrolled")).join(base.subquery("found"), on=same)
            found = [exp.alias_(aggregate(fact), ident(column_name(fact))) for fact in facts]
            facts_query = exp.select("subject_id", *found).from_(rows.subquery(ROWS)).group_by("subject_id")
            query = query.join(facts_query.subquery(alias), on=_same_subject(alias), join_type="left")
            own |= {fact: col(column_name(fact), alias) for fact in facts}
        return query, own

    def _enrolled(self, asked: Sequence[Anchor]) -> exp.Select:
        """subject_id, contact_id, and a column for each of `asked`, for every enrollment that is looked at."""
        query = exp.select(col("subject_id", SUBJECTS), col("contact_id", SUBJECTS)).distinct()
        query = query.from_(exp.alias_(exp.table_(SUBJECTS, db="temp"), SUBJECTS, table=True))
        if any(anchor.of == "last_tick" for anchor in asked):
            query = _join_looks(query)
        for anchor in asked:
            if anchor.of == "step":
                on = exp.and_(
                    *(
                        exp.EQ(this=col(theirs, anchor.column), expression=col(own, SUBJECTS))
                        for theirs, own in (("enrollment_id", "subject_id"), ("visit", "visit"))
                    )
                )
                query = query.join(_taken(anchor.step).subquery(ident(anchor.column)), on=on, join_type="left")
            elif anchor.of == "trigger":
                query = query.join(_origins(), on=_same_subject(ORIGINS), join_type="left")
        return query.select(*(named(self._moment(anchor), anchor.column) for anchor in asked))

    def _moment(self, anchor: Anchor) -> exp.Expr:
        if anchor.of == "step":
            return col("at", anchor.column)
        if anchor.of == "last_tick":
            return col("looked_at", LOOKS)
        if anchor.of == "trigger":
            happened = in_json(col("trigger_data", ORIGINS), AT, "timestamp")
            # Of several triggers some are no events: these happened when they were seen.
            return exp.Coalesce(this=happened, expressions=[col("enrolled_at", SUBJECTS)])
        return col({"enrollment": "enrolled_at", "id": "subject_id", "visit": "visit"}[anchor.of], SUBJECTS)


def own_facts(node: Node) -> Iterator[Fact]:
    """The facts that a condition has per enrollment, repeats included. No model holds them."""
    return (fact for fact in facts_of(node) if fact.per_enrollment)


def _earliest(asked: Iterable[tuple[Fact, Mapping[str, datetime | None]]]) -> datetime | None:
    """The moment before which no row counts for any of the facts, each with the `Firsts` of a condition that has it;
    None where that is not known of all of them."""
    found: list[datetime] = []
    for fact, first in asked:
        moment = next(
            (at for anchor in _begins(fact) if (at := first.get(_FIRST.get(anchor.of, ""))) is not None), None
        )
        if moment is None:
            return None
        found.append(moment)
    return min(found, default=None)


_FIRST = {"enrollment": "enrolled_at", "step": "enrolled_at", "last_tick": "looked_at"}
"""Kind of anchor -> which of `Firsts` is not later: no step is taken before the enrollment."""


def _begins(fact: Fact) -> Iterator[Anchor]:
    """The moments of the enrollment after which rows count for a fact."""
    for item in fact.where.items if isinstance(fact.where, And) else (fact.where,):
        if isinstance(item, Compare) and item.operator in ("gt", "gte") and item.subject == ROW_AT:
            yield from (operand for operand in item.operands if isinstance(operand, Anchor))


def _first(column: str, table: str) -> exp.Expr:
    return named(exp.Min(this=col(column, table)), column)


def _origins() -> exp.Expr:
    return exp.alias_(exp.table_(ORIGINS, db="temp"), ORIGINS, table=True)


def _same_subject(alias: str) -> exp.Expr:
    return exp.EQ(this=col("subject_id", alias), expression=col("subject_id", SUBJECTS))


def _from_origins(node: Node) -> bool:
    return isinstance(node, Compare) and isinstance(node.subject, Value) and node.subject.of in ("trigger", "crossing")


def _value(value: Value) -> exp.Expr:
    if value.of == "trigger":
        return in_json(col("trigger_data", ORIGINS), value.name, value.type)
    if value.of == "contact":
        return col(value.name, CONTACTS)
    return col(value.name, ORIGINS if value.of == "crossing" else SUBJECTS)


def _taken(step: str) -> exp.Select:
    """When enrollments took a step: enrollment_id, visit, at. What an edit made them pass by was not taken."""
    mine = exp.EQ(this=col("step"), expression=exp.Literal.string(step))
    taken = exp.NEQ(this=col("action"), expression=exp.Literal.string("skipped"))
    at = named(exp.Max(this=col("at")), "at")
    query = exp.select(col("enrollment_id"), col("visit"), at).from_(relation("flow_journal"))
    return query.where(mine, taken).group_by(col("enrollment_id"), col("visit"))


def _values(base: exp.Select) -> list[exp.Expr]:
    return [col(name, "found") for name in base.named_selects if name != "contact_id"]


def _member(segment: str) -> str:
    return whole(f"member_{segment}")


def _crossing(node: Crossed) -> str:
    return whole(f"{node.kind}_{node.segment}")


def _crossed(node: Crossed) -> exp.Expr:
    at = col("last_at", _crossing(node))
    later: exp.Expr = exp.GT(this=at, expression=col("enrolled_at", SUBJECTS))
    if node.since == "last_tick":
        later = exp.and_(later, exp.GT(this=at.copy(), expression=col("looked_at", LOOKS)))
    return exp.Coalesce(this=exp.paren(later), expressions=[exp.false()])


def asks_of_last_tick(nodes: Iterable[Node]) -> bool:
    """Must `temp.looks` be there?"""
    nodes = list(nodes)
    own = (fact for node in nodes for fact in own_facts(node))
    return _crossed_since_last_tick(nodes) or any(anchor.of == "last_tick" for f in own for anchor in anchors(f.where))


def _crossed_since_last_tick(nodes: Iterable[Node]) -> bool:
    return any(isinstance(below, Crossed) and below.since == "last_tick" for node in nodes for below in node.walk())


def _join_looks(query: exp.Select) -> exp.Select:
    looks = exp.alias_(exp.table_(LOOKS, db="temp"), LOOKS, table=True)
    same = exp.EQ(this=col("condition", LOOKS), expression=col("condition", SUBJECTS))
    return query.join(looks, on=same, join_type="left")


def _is_set(column: exp.Expr) -> exp.Expr:
    return exp.Not(this=exp.Is(this=column, expression=exp.null()))
