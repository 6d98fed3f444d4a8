"""Why a contact is in a segment, or is not: `segflow explain`. Nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlglot import exp

from segflow.crossings.deleted import tombstones
from segflow.errors import InputError, did_you_mean
from segflow.explain.answer import Answer
from segflow.explain.candidates import moments_of_change
from segflow.explain.evidence import Asked, asked_by, bucket_of, facts_asked, lookup
from segflow.explain.look import NO_HISTORY, context_at, limited, members_query, not_read, opened
from segflow.explain.one_segment import compile_one
from segflow.explain.places import Place, place_of
from segflow.explain.replay import MOMENT, Replay
from segflow.explain.sql_asks import Asker
from segflow.explain.sql_parts import Reader, Told
from segflow.messages import CONTACT_CHANNELS
from segflow.segments.attribute_history import new_values
from segflow.segments.bounds import timestamp_literal
from segflow.segments.compiler import CONTACTS
from segflow.segments.membership_models import segment_model
from segflow.segments.nodes import Member, Node, Value, facts_of
from segflow.segments.resolve import Resolver
from segflow.segments.sql import col, id_text, ident, named
from segflow.segments.stored import stored
from segflow.specs.segment import SqlSegmentSpec
from segflow.specs.sql_allowlist import parse_sql
from segflow.specs.sql_file import SEGMENT_MODEL
from segflow.ticks import ledger as ticks
from segflow.ticks.context import TickContext
from segflow.warehouse import words
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.names import whole
from segflow.workspace import Workspace

_ID = Value("contact", "contact_id", "text")
_END = datetime.max.replace(tzinfo=UTC)
MOST_MOMENTS = 1_000
"""How many moments are looked at. A change after them is not predicted."""


@dataclass(frozen=True)
class Crossing:
    """The contact entered or exited the segment."""

    kind: str
    at: datetime
    entry_number: int
    cause: str
    triggers: bool
    tick_id: str


@dataclass(frozen=True)
class Explanation:
    """What the segment says about the contact at `as_of`, by the files as they are."""

    segment: str
    contact_id: str
    as_of: datetime
    member: bool
    until: datetime | None
    """When membership changes if nothing happens."""
    answer: Answer
    kept_out_by: list[Answer]
    """For someone not in: a smallest set of leaves that would have to change."""
    member_at_last_tick: bool | None
    last_tick: str | None
    crossings: list[Crossing]
    notes: list[str]


def explain(workspace: Workspace, segment: str, contact: str, as_of: datetime | None) -> Explanation:
    """Explain one contact. Raises InputError for a contact that is not there, and what `look` raises."""
    compiled, moment = compile_one(workspace.specs, segment), ticks.moment_of(as_of)
    with opened(workspace) as warehouse:
        context = context_at(workspace, compiled, warehouse, moment)
        members_query(context, segment)  # tells what is wrong where it cannot run
        members = _members(context, contact)
        catalog, zone = compiled.specs.catalog, compiled.zone
        replay = Replay(
            warehouse, catalog, zone, contact, workspace.models.relation, members, not_read(compiled, segment)
        )
        if not replay.values([moment], [], lambda _: {"contact_id": col("contact_id", CONTACTS)}):
            raise InputError(_not_there(workspace, warehouse, replay, moment))
        place = place_of(compiled.specs, segment, Resolver.of(compiled.specs))
        queries = {name: sql_told(context, name, contact) for name in place.queries()}
        judge = Judge(replay, place, moment, zone, queries)
        last = ticks.last(warehouse)
        return Explanation(
            segment=segment,
            contact_id=contact,
            as_of=moment,
            member=place.holds(judge.now),
            until=judge.until(place),
            answer=judge.answer(place),
            kept_out_by=[one for leaf in place.in_the_way(judge.now) for one in judge.blamed(leaf)],
            member_at_last_tick=_is_member(warehouse, segment, contact) if last is not None else None,
            last_tick=last.tick_id if last is not None else None,
            crossings=_crossings(warehouse, segment, contact),
            notes=[NO_HISTORY] if as_of is not None and moment < datetime.now(UTC) else [],
        )


class Judge:
    """What the parts of a condition say about one contact now, and when that changes."""

    def __init__(
        self, replay: Replay, place: Place, as_of: datetime, zone: ZoneInfo, queries: Mapping[str, Told] | None = None
    ) -> None:
        """`queries`: what the parts of `.sql` segments say."""
        self._replay, self._queries = replay, queries or {}
        leaves = {leaf.key: leaf.node for leaf in place.leaves() if leaf.node is not None}
        [self.now] = replay.truths([as_of], leaves)
        self._found = self._values(leaves, as_of)
        self._unsure = self._cannot_be_said(leaves, as_of)
        self._later = self._truths_later({key: n for key, n in leaves.items() if key not in self._unsure}, as_of, zone)

    def answer(self, place: Place) -> Answer:
        """The answer for one part and all below it."""
        below = [*place.below, *([place.inside] if place.inside else [])]
        return Answer(
            words=place.words,
            holds=place.holds(self.now),
            found=self._found.get(place.key, {}),
            until=self.until(place),
            parts=[self.answer(one) for one in below] if place.query is None else self._queries[place.query].parts,
            segment=place.segment,
        )

    def blamed(self, leaf: Place) -> list[Answer]:
        """What of a leaf that is in the way is: for the query of a `.sql` segment those of its parts."""
        blame = self._queries[leaf.query].blame if leaf.query is not None else []
        return blame or [self.answer(leaf)]

    def until(self, place: Place) -> datetime | None:
        """When a part changes if nothing happens."""
        if not self.can_say(place):
            return None
        now = place.holds(self.now)
        return next((row[MOMENT] for row in self._later if place.holds(row) != now), None)

    def can_say(self, place: Place) -> bool:
        """Does its future follow from time alone, as far as `known_to`?"""
        return not self._unsure & {leaf.key for leaf in place.own_leaves()}

    def _values(self, leaves: Mapping[str, Node], as_of: datetime) -> dict[str, dict[str, Any]]:
        catalog, contact = self._replay.catalog, self._replay.contact
        asked = {key: asked_by(node, catalog) for key, node in leaves.items()}
        facts = {column.fact: column for one in asked.values() for column in facts_asked(one)}
        # By number: words for people are too long for a name, and two of them may differ in case alone.
        places = {(key, name): f"value {number}" for number, (key, name) in enumerate(_pairs(asked))}
        [row] = self._replay.values(
            [as_of],
            [],
            lambda columns: {
                "contact_id": columns.value(_ID),
                **{
                    places[key, name]: expression
                    for key, one in asked.items()
                    for name, expression in lookup(one, columns).items()
                },
            },
            facts.values(),
        )
        return {
            key: _told({name: row[places[key, name]] for name in asked[key]}) | bucket_of(node, contact)
            for key, node in leaves.items()
        }

    def _cannot_be_said(self, leaves: Mapping[str, Node], as_of: datetime) -> set[str]:
        """The leaves whose future depends on more than time: on a query, or on when a tick will first see a value."""
        return {key for key, node in leaves.items() if not self._follows_from_time(node, as_of)}

    def _follows_from_time(self, node: Node, as_of: datetime) -> bool:
        for below in node.walk():
            if isinstance(below, Member):
                rule = self._replay.members[below.segment]
                if isinstance(rule, bool) or not self._follows_from_time(rule, as_of):
                    return False
        held = {fact.source.name for fact in facts_of(node) if fact.source.kind == "held"}
        attributes = self._replay.catalog.contacts.attributes
        mine = exp.EQ(this=col("contact_id", CONTACTS), expression=exp.Literal.string(self._replay.contact))
        changes = (new_values(name, attributes[name].type) for name in sorted(held))
        return not any(self._replay.at(as_of, change.where(mine)) for change in changes)

    def _truths_later(self, leaves: Mapping[str, Node], as_of: datetime, zone: ZoneInfo) -> list[dict[str, Any]]:
        self.known_to = _END
        if not leaves:
            return []
        below = [rule for rule in self._replay.members.values() if isinstance(rule, Node)]
        moments = moments_of_change(self._replay, [*leaves.values(), *below], as_of, zone)
        if len(moments) > MOST_MOMENTS:
            self.known_to = moments[MOST_MOMENTS]
        try:
            return self._replay.truths(moments[:MOST_MOMENTS], leaves)
        except InputError:  # A bound that leaves the calendar: nothing is said about then.
            self.known_to = as_of
            return []


def _pairs(asked: Mapping[str, Asked]) -> list[tuple[str, str]]:
    return [(key, name) for key, one in asked.items() for name in one]


def _told(found: dict[str, Any]) -> dict[str, Any]:
    """Times in UTC; the time of a row that does not exist is no value."""
    return {name: _aware(value) for name, value in found.items() if value is not None or name not in ("last", "since")}


def _aware(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


def _members(context: TickContext, contact: str) -> dict[str, Node | bool]:
    """What each segment is: a condition, or whether the query of a `.sql` segment finds the contact."""
    found: dict[str, Node | bool] = {}
    warehouse = context.warehouse
    for name, segment in context.compiled.segments.items():
        if segment.node is not None:
            found[name] = segment.node
            continue
        query = members_query(context, name)
        mine = exp.select("contact_id").from_(query.subquery("members")).where(_equal("contact_id", contact))
        with limited(warehouse, context.compiled):
            found[name] = warehouse.query(mine.limit(1)).num_rows > 0
    return found


def sql_told(context: TickContext, segment: str, contact: str) -> Told:
    """What the parts of the query of a `.sql` segment say about a contact. They share its time limit."""
    spec = context.compiled.specs.segments[segment].spec
    assert isinstance(spec, SqlSegmentSpec)
    clause = members_query(context, segment).args["with_"]
    names = [cte.alias for cte in clause.expressions]
    views: dict[str, exp.Table] = {}

    def place(model: str) -> exp.Table:
        name = _model(model)
        if name not in names:
            return context.models.relation(model)
        if name not in views:
            seen = exp.With(expressions=[cte.copy() for cte in clause.expressions[: names.index(name) + 1]])
            query = exp.select("*").from_(exp.table_(name))
            query.set("with_", seen)
            views[name] = context.warehouse.view(whole(f"explained__{name}"), query)
            views[name].set("alias", exp.TableAlias(this=ident(name)))
        return views[name]

    limit = context.compiled.specs.settings.sql_segments.timeout
    asker = Asker(context.warehouse, place, timestamp_literal(context.as_of), limit, contact)
    return Reader(asker, not_read(context.compiled, segment)).read(
        parse_sql(spec.sql, context.compiled.specs.engine).query
    )


def _model(model: str) -> str:
    """A model as it is called, which for a segment with a long id is not quite as it is written."""
    return segment_model(model.removeprefix(SEGMENT_MODEL)) if model.startswith(SEGMENT_MODEL) else model


def _not_there(workspace: Workspace, warehouse: Warehouse, replay: Replay, as_of: datetime) -> str:
    """Why there is no such contact."""
    contact, spec = replay.contact, replay.catalog.contacts
    for stone in tombstones(warehouse, [contact]):
        return f"contact {stone}; segflow contact restore {contact} lets it come back"
    key = id_text(col(spec.key))
    rows = exp.select(key.as_("contact_id")).from_(replay.rows(spec.model))
    if warehouse.query(rows.where(exp.EQ(this=key.copy(), expression=exp.Literal.string(contact)))).num_rows:
        made = spec.created_at.column if spec.created_at is not None else "its time"
        return f"contact {contact} is not there yet at {as_of:%Y-%m-%d %H:%M:%S} UTC: {made} is later"
    gone = exp.select("gone_at").from_(relation("contact_state")).where(_equal("contact_id", contact))
    if (at := warehouse.scalar(gone)) is not None:
        return f"contact {contact} is gone from model {spec.model}; the tick of {at:%Y-%m-%d %H:%M} UTC missed it first"
    if (owner := _owner(workspace, warehouse, replay)) is not None:
        return f"there is no contact {contact}, but contact {owner} has that address; give the id"
    alike = words.similarity(words.lower(key.copy()), exp.Literal.string(contact.lower()))
    near = exp.select(key.as_("contact_id")).from_(workspace.models.relation(spec.model))
    near = near.where(exp.Not(this=exp.Is(this=key.copy(), expression=exp.null())))
    near = near.order_by(exp.Ordered(this=alike, desc=True), "contact_id").limit(5)
    ids = [str(row["contact_id"]) for row in warehouse.rows(near)]
    return f"there is no contact {contact} in model {spec.model}{did_you_mean(contact, ids)}"


def _owner(workspace: Workspace, warehouse: Warehouse, replay: Replay) -> str | None:
    """The contact whose address was given in place of its id."""
    spec = replay.catalog.contacts
    reached = [spec.channels.of(channel) for channel in CONTACT_CHANNELS]
    channels = [channel for channel in reached if channel is not None]
    addresses = {channel.address: spec.attributes[channel.address] for channel in channels}
    found_in = [stored(name, one) for name, one in addresses.items() if one.written_by != "flows"]
    if not found_in:
        return None
    given = exp.Literal.string(replay.contact.lower())
    mine = [exp.EQ(this=words.lower(address), expression=given.copy()) for address in found_in]
    rows = exp.select(id_text(col(spec.key)).as_("contact_id")).from_(workspace.models.relation(spec.model))
    query = rows.where(exp.or_(*mine)).order_by("contact_id").limit(1)
    if warehouse.bind(query):
        return None  # The column of an address is missing: nobody is found by it.
    found = warehouse.scalar(query)
    return None if found is None else str(found)


def _is_member(warehouse: Warehouse, segment: str, contact: str) -> bool:
    query = exp.select("contact_id").from_(relation("segment_members"))
    return bool(warehouse.query(query.where(_equal("segment", segment), _equal("contact_id", contact))).num_rows)


def _crossings(warehouse: Warehouse, segment: str, contact: str) -> list[Crossing]:
    """All of them, in order."""
    parts = []
    for kind, table, at in (("entered", "segment_entries", "entered_at"), ("exited", "segment_exits", "exited_at")):
        columns: list[exp.Expr] = [named(exp.Literal.string(kind), "kind"), named(col(at), "at")]
        columns += [col(name) for name in ("entry_number", "cause", "triggers", "tick_id")]
        crossed = exp.select(*columns).from_(relation(table))
        parts.append(crossed.where(_equal("segment", segment), _equal("contact_id", contact)))
    both = exp.union(*parts, distinct=False).subquery("crossings")
    rows = warehouse.rows(exp.select("*").from_(both).order_by(col("at"), col("entry_number"), col("kind")))
    return [Crossing(**{**row, "at": _aware(row["at"])}) for row in rows]


def _equal(column: str, value: str) -> exp.Expr:
    return exp.EQ(this=col(column), expression=exp.Literal.string(value))
