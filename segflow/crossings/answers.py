"""Who answers for the crossings that edits cause: the files that were edited, in every segment that refers to them.

A segment whose rule changed through others has crossings by `definition` that are not its own file's doing. A file is a
cause of such a crossing when there is a way to take back some of the other edits so that the contact crosses with this
file's edit and does not without it. All causes must say `on_change: trigger`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlglot import exp

from segflow.crossings.definitions import with_contacts
from segflow.segments.compiler import Compiled
from segflow.segments.emit import as_written_now
from segflow.segments.fingerprint import sql_fingerprint, yaml_fingerprint
from segflow.segments.membership_models import members_query, segment_model
from segflow.segments.order import closure
from segflow.segments.resting import with_members
from segflow.specs.segment import SegmentSpec
from segflow.ticks.context import TickContext
from segflow.warehouse.base import Warehouse
from segflow.warehouse.sqlfile import load_query

_SQL = Path(__file__).parent / "sql"
_PREFIX = segment_model("")
MOST = 4
"""Of so many edited files below one segment each combination is evaluated. Beyond, all of them count as causes."""


@dataclass(frozen=True)
class Part:
    """A segment that a rule refers to, or the rule itself, as a version of it knew it."""

    key: str
    own: str | None
    """The fingerprint of its own file: what it refers to counts by key. None: an earlier segflow did not record it."""


@dataclass(frozen=True)
class Answer:
    """What may be said of the crossings by `definition` of one segment."""

    may_trigger: bool
    """False: none of them triggers."""
    files: tuple[str, ...] = ()
    """The segments whose edits cause them, by name; the segment itself when its own file was edited."""
    variants: pa.Table | None = None
    """(segment_key, reverted, contact_id): who matches with the edits of `reverted`, a bit per file, taken back."""
    pairs: tuple[tuple[int, int], ...] = ()
    """Two such combinations that differ by the edit of a file that says `suppress`, with it and without it."""

    @property
    def whole(self) -> int:
        """The combination that takes back all edits."""
        return (1 << len(self.files)) - 1


def parts_of(compiled: Compiled, segment: str, keys: Mapping[str, str]) -> dict[str, Part]:
    """Name -> part, of a segment and of all that it refers to, as the files have them. `keys`: segment -> its key."""
    return {name: Part(keys[name], _own(compiled, name, keys)) for name in closure(segment, compiled.graph)}


def parts_json(parts: Mapping[str, Part]) -> str:
    """As `segment_versions` keeps it."""
    return json.dumps({name: [part.key, part.own] for name, part in parts.items()}, sort_keys=True)


def parts_from(text: str | None) -> dict[str, Part] | None:
    """The inverse; None for a version that an earlier segflow recorded."""
    return None if text is None else {name: Part(*found) for name, found in json.loads(text).items()}


def _own(compiled: Compiled, name: str, keys: Mapping[str, str]) -> str:
    spec, node = compiled.specs.segments[name].spec, compiled.segments[name].node
    if node is not None:
        return yaml_fingerprint(node, compiled.specs.catalog, compiled.zone, keys)
    assert not isinstance(spec, SegmentSpec)
    return sql_fingerprint(spec.sql, compiled.specs.catalog, keys, compiled.specs.engine)


@dataclass(frozen=True)
class Standing:
    """The segments that rest: where an old rule refers to one, its present members count, as they do in the new one."""

    context: TickContext
    consists_of: Mapping[str, Mapping[str, str | None]]
    """segment_key -> the fingerprints of its file and of those that it refers to, by their keys."""

    @classmethod
    def of(cls, context: TickContext, keys: Mapping[str, str], resting: Collection[str]) -> Standing:
        """`keys`: segment -> its key; `resting`: the segments that rest."""
        found = {keys[name]: parts_of(context.compiled, name, keys).values() for name in resting}
        return cls(context, {key: {part.key: part.own for part in parts} for key, parts in found.items()})

    def placed(self, query: exp.Query, parts: Mapping[str, Part]) -> exp.Query:
        """A standalone query with members in place of the rules of resting segments. `parts`: what it consists of. One
        that has been edited since is asked by the rule that the query has."""
        then = {part.key: part.own for part in parts.values()}
        stood_in = {
            segment_model(name): self.context.fill(members_query(part.key))
            for name, part in parts.items()
            if part.key in self.consists_of
            and all(then.get(key) == own for key, own in self.consists_of[part.key].items())
        }
        return with_members(query, stood_in)


@dataclass
class Answers:
    """Finds the answer for each segment of a tick. `versions`: segment_key -> the row of `segment_versions` that its
    present members follow; `keys`: segment -> its key."""

    context: TickContext
    keys: Mapping[str, str]
    versions: Mapping[str, Mapping[str, Any]]
    contacts: Mapping[str, str | None]
    """segment_key -> how the catalog maps contacts for it now."""
    missing: frozenset[str]
    """The attributes that this build could not read, and that are null for everybody."""
    standing: Standing
    _sources: dict[str, _Source] = field(default_factory=dict)

    def of(self, segment: str) -> Answer:
        """The answer for a segment whose rule changed."""
        compiled = self.context.compiled
        names = {self.keys[name]: name for name in compiled.segments}
        before = parts_from(self.versions[self.keys[segment]]["parts"])
        said = {key: compiled.specs.segments[name].spec.on_change for key, name in names.items()}
        mine = self.keys[segment]
        alone = Answer(said[mine] == "trigger", (segment,))
        if before is None:
            # Recorded by an earlier segflow, which asked the segment alone.
            return alone
        edited = self._edited(segment, before)
        if edited in ([], [mine]):
            return alone
        files = tuple(sorted(names[key] for key in edited))
        answers = {said[key] for key in edited}
        if len(answers) == 1:
            return Answer(answers == {"trigger"}, files)
        if len(edited) > MOST:
            return Answer(False, files)
        tables = []
        whole = (1 << len(edited)) - 1
        for reverted in range(1, whole):
            found = self._evaluate(segment, {key for bit, key in enumerate(edited) if reverted >> bit & 1})
            if found is None:
                return Answer(False, files)
            rows = {
                "segment_key": pa.array([mine] * found.num_rows, pa.string()),
                "reverted": pa.array([reverted] * found.num_rows, pa.int64()),
                "contact_id": found.column("contact_id").cast(pa.string()),
            }
            tables.append(pa.table(rows))
        return Answer(True, files, pa.concat_tables(tables), tuple(_pairs([said[key] for key in edited])))

    def _edited(self, segment: str, before: Mapping[str, Part]) -> list[str]:
        """The keys of the files that were edited, of those that the rule refers to or did, itself included."""
        old = {part.key: part.own for part in before.values()}
        new = {part.key: part.own for part in parts_of(self.context.compiled, segment, self.keys).values()}
        for name, key in self.keys.items():
            if key in old and key not in new:
                new[key] = _own(self.context.compiled, name, self.keys)
        for key in new.keys() - old.keys():
            if key in self.versions:
                live = parts_from(self.versions[key]["parts"]) or {}
                old |= {part.key: part.own for part in live.values() if part.key == key}
        return sorted(key for key in old.keys() & new.keys() if old[key] != new[key])

    def _evaluate(self, segment: str, reverted: set[str]) -> pa.Table | None:
        """(contact_id) of who matches with the edits of some files taken back; None when that cannot be evaluated."""
        try:
            query = _Mixture(self, segment, reverted).query()
            if self.missing & {column.name for column in query.find_all(exp.Column)}:
                return None
            found = self.context.warehouse.attempt(query, self.context.compiled.specs.settings.sql_segments.timeout)
        except Exception:  # An old rule may be broken in any way; the new one goes on.
            return None
        return None if isinstance(found, str) else found

    def present(self, key: str) -> _Source | None:
        """What the files say of a segment; None when there is no file any more."""
        name = next((name for name, one in self.keys.items() if one == key), None)
        if name is None:
            return None
        if f"now {key}" not in self._sources:
            text = self.context.compiled.segments[name].standalone
            parts = parts_of(self.context.compiled, name, self.keys)
            query = self.standing.placed(self.context.fill(text), parts)
            self._sources[f"now {key}"] = _Source.read(query, parts, len(self._sources))
        return self._sources[f"now {key}"]

    def past(self, key: str) -> _Source:
        """What the version said that the segment's members follow. Raises KeyError when there is none."""
        if f"past {key}" not in self._sources:
            row = self.versions[key]
            text, catalog, words = (
                as_written_now(row["compiled_sql"]),
                self.context.compiled.specs.catalog,
                self.context.warehouse.words,
            )
            if row["contacts"] is not None and row["contacts"] != self.contacts.get(key):
                text = with_contacts(text, row["contacts"], catalog, words)
            parts = parts_from(row["parts"]) or {}
            query = self.standing.placed(self.context.fill(text), parts)
            self._sources[f"past {key}"] = _Source.read(query, parts, len(self._sources))
        return self._sources[f"past {key}"]


@dataclass(frozen=True)
class _Source:
    """The CTEs of a compiled text, ready to run."""

    ctes: dict[str, exp.Expr]
    """Name -> query, those of segments and those that they need."""
    keys: dict[str, str]
    """CTE of a segment -> its key."""
    number: int

    @classmethod
    def read(cls, query: exp.Query, parts: Mapping[str, Part], number: int) -> _Source:
        ctes = {cte.alias: cte.this for cte in query.args["with_"].expressions}
        keys = {segment_model(name): part.key for name, part in parts.items()}
        return cls(ctes, keys, number)

    def body(self, key: str) -> exp.Expr:
        """The query of a segment. Raises StopIteration when it is not here."""
        return self.ctes[next(name for name, one in self.keys.items() if one == key and name in self.ctes)]


class _Mixture:
    """The rule of a segment with some files as they were and all others as they are."""

    def __init__(self, answers: Answers, segment: str, reverted: set[str]) -> None:
        self._answers, self._reverted = answers, reverted
        self._mine = answers.keys[segment]
        self._ctes: dict[str, exp.Expr] = {}
        self._under_way: set[str] = set()

    def query(self) -> exp.Select:
        """Raises when the mixture makes a circle, or something is missing."""
        name = self._segment(self._mine)
        query = exp.select("contact_id").from_(exp.Table(this=exp.to_identifier(name)))
        ctes = [
            exp.CTE(this=body, alias=exp.TableAlias(this=exp.to_identifier(cte))) for cte, body in self._ctes.items()
        ]
        query.set("with_", exp.With(expressions=ctes))
        return query

    def _segment(self, key: str) -> str:
        name = f"mixed__{self._number(key)}"
        if name in self._ctes:
            return name
        if key in self._under_way:
            raise ValueError("a circle")
        self._under_way.add(key)
        source = self._source(key)
        self._ctes[name] = self._placed(source.body(key), source)
        return name

    def _number(self, key: str) -> int:
        return sorted({*self._answers.keys.values(), *self._answers.versions}).index(key)

    def _source(self, key: str) -> _Source:
        """Where the query of a segment is taken from."""
        mine = self._answers.past(self._mine)
        old = mine if key in mine.keys.values() else None
        present = self._answers.present(key)
        if key not in self._reverted and present is not None:
            return present
        return old or self._answers.past(key)

    def _placed(self, body: exp.Expr, source: _Source) -> exp.Expr:
        """The query over the CTEs of this mixture."""
        body = body.copy()
        for table in list(body.find_all(exp.Table)):
            if table.db or table.name not in source.ctes:
                continue
            if table.name in source.keys:
                name = self._segment(source.keys[table.name])
            else:
                name = f"from_{source.number}__{table.name}"
                if name not in self._ctes:
                    self._ctes[name] = self._placed(source.ctes[table.name], source)
            if not table.alias:
                table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name)))
            table.set("this", exp.to_identifier(name))
        return body


def _pairs(said: list[str]) -> list[tuple[int, int]]:
    """Combinations of edits that are taken back, as bits: less the one of a file that says `suppress`, and with it."""
    found = []
    for bit, answer in enumerate(said):
        if answer == "suppress":
            others = [other for other in range(len(said)) if other != bit]
            for size in range(len(said)):
                for back in combinations(others, size):
                    mask = sum(1 << other for other in back)
                    found.append((mask, mask | 1 << bit))
    return found


def stage(warehouse: Warehouse, answers: Mapping[str, Answer]) -> None:
    """Keep in `temp.suppressed` (segment_key, contact_id) whose crossings must not trigger. `answers` by segment_key;
    reads what `cross` has staged."""
    tables = [answer.variants for answer in answers.values() if answer.variants is not None]
    if not tables:
        none = [exp.cast(exp.null(), "VARCHAR").as_(name) for name in ("segment_key", "contact_id")]
        warehouse.stage("suppressed", exp.select(*none).where(exp.false()))
        return
    pivots = [
        {"segment_key": key, "with_edit": kept, "without_edit": without, "without_is_old": without == answer.whole}
        for key, answer in answers.items()
        for kept, without in answer.pairs
    ]
    warehouse.stage("variants", pa.concat_tables(tables))
    warehouse.stage("pivots", pa.Table.from_pylist(pivots))
    warehouse.stage("suppressed", load_query(_SQL / "suppressed.sql"))
