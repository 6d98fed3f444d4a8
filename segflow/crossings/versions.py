"""Versions of definitions: which one made the present members, and what the old rule says now."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from sqlglot import exp

from segflow.crossings.answers import Answer, Answers, Standing, parts_from, parts_json, parts_of
from segflow.crossings.definitions import Definition, definitions, with_contacts
from segflow.crossings.names import segment_keys
from segflow.segments.compiler import CONTACTS, Compiled
from segflow.segments.emit import as_written_now
from segflow.ticks.context import Faults, TickContext
from segflow.warehouse.base import Warehouse, all_rows, relation


@dataclass(frozen=True)
class Judged:
    """One live segment as this tick judges it."""

    segment_key: str
    segment: str
    segment_version: int
    """The version that counts after this tick: one that is not compared keeps its old one; 0 before the first."""
    status: str
    """ok; stale: it could not be evaluated; held: a guard does not believe what it would do; resting: it is not due."""
    reason: str | None
    is_new: bool
    changed: bool
    """Is this another version?"""
    edited: bool
    """Does it select by another rule? Not when only the code of the user's models changed: the old rule would read the
    same models."""
    on_create: str
    on_change: str
    on_change_before: str | None
    """What `on_change` was when its members followed the file last."""
    definition: Definition | None
    """None for those that are stale or rest."""
    last_evaluated: str | None = None
    """The last tick that compared it, when that is not the one before: contacts may have returned since."""
    renamed: bool = False
    """Its members are those of a segment that bore another name until now."""
    parts: str | None = None
    """What its version consists of, as JSON; only of a new version."""
    may_trigger: bool = True
    """May crossings by `definition` trigger? Those that `temp.suppressed` holds do not in any case."""
    answered_by: str | None = None
    """The segments whose edits cause them, by name; only when its rule changed."""
    old_rule: str = "none"
    """none: the rule did not change; ran: it changed and the old one was evaluated; broken: the old one cannot run;
    released: it cannot run, and a person said that what the edit moves may trigger."""

    @property
    def evaluated(self) -> bool:
        """Is it compared with its members in this tick?"""
        return self.status == "ok"

    @property
    def known(self) -> bool:
        """Is there a version with members, before or after this tick?"""
        return self.evaluated or not self.is_new


def judge(context: TickContext, faults: Faults, held: dict[str, str] | None = None) -> list[Judged]:
    """Compare the compiled segments with the versions that produced the present members."""
    compiled, warehouse = context.compiled, context.warehouse
    left = {"resting": faults.resting, "stale": faults.segments, "held": held or {}}
    unread = {**faults.resting, **faults.segments}
    defined = definitions(compiled, context.models, [name for name in compiled.segments if name not in unread])
    states, versions, told = warehouse.answers(all_rows("segment_state"), _versions_query(), _on_change_query())
    state = {row["segment"]: row for row in states}
    latest = {(v["segment_key"], v["segment_version"]): _definition(v) for v in versions}
    keys = segment_keys(compiled, warehouse, state)
    by_key = {row["segment_key"]: row for row in state.values()}
    # segment_key -> what its file said when its members followed it last
    on_change = {row["segment_key"]: row["on_change"] for row in told}
    late = _last_evaluated(warehouse, [row["segment_key"] for row in state.values() if row["status"] != "ok"])
    found = []
    for segment in compiled.segments.values():
        spec = compiled.specs.segments[segment.id].spec
        key = keys[segment.id]
        known = by_key.get(key)
        status, reason = next(
            ((why, named[segment.id]) for why, named in left.items() if segment.id in named), ("ok", None)
        )
        evaluated = status == "ok"
        definition = defined.get(segment.id)
        before = latest.get((key, known["segment_version"])) if known else None
        changed = before is None or definition is None or not definition.same(before)
        edited = before is None or definition is None or definition.fingerprint != before.fingerprint
        version = known["segment_version"] if known else 0
        if changed and evaluated:
            version = max((v for k, v in latest if k == key), default=0) + 1
        found.append(
            Judged(
                segment_key=key,
                segment=segment.id,
                segment_version=version,
                status=status,
                reason=reason,
                is_new=known is None,
                changed=changed and evaluated,
                edited=edited and evaluated,
                on_create=spec.on_create,
                on_change=spec.on_change,
                on_change_before=on_change.get(key),
                definition=definition,
                last_evaluated=late.get(key),
                renamed=known is not None and known["segment"] != segment.id,
                parts=parts_json(parts_of(compiled, segment.id, keys)) if changed and evaluated else None,
            )
        )
    return found


def new_versions(judged: list[Judged], compiled: Compiled) -> pa.Table:
    """The rows of `segment_versions` that this tick adds."""
    rows: list[dict[str, Any]] = []
    for one in judged:
        if one.changed and one.definition is not None:
            segment = compiled.segments[one.segment]
            spec = compiled.specs.segments[one.segment].spec
            rows.append(
                {
                    "segment_key": one.segment_key,
                    "segment": one.segment,
                    "segment_version": one.segment_version,
                    "fingerprint": segment.fingerprint,
                    "spec": json.dumps(spec.model_dump(mode="json", by_alias=True, exclude_unset=True)),
                    "compiled_sql": segment.standalone,
                    "contacts": one.definition.contacts,
                    "models": one.definition.models,
                    "parts": one.parts,
                }
            )
    return pa.Table.from_pylist(rows, schema=_VERSION_SCHEMA)


_VERSION_SCHEMA = pa.schema(
    [
        ("segment_key", pa.string()),
        ("segment", pa.string()),
        ("segment_version", pa.int64()),
        ("fingerprint", pa.string()),
        ("spec", pa.string()),
        ("compiled_sql", pa.string()),
        ("contacts", pa.string()),
        ("models", pa.string()),
        ("parts", pa.string()),
    ]
)


def answers(context: TickContext, judged: list[Judged], broken: Collection[str] = ()) -> dict[str, Answer]:
    """segment_key -> who answers for what the edits move, of the segments whose rule changed. `broken` as for
    `old_rules`."""
    edited = [one for one in judged if one.edited and not one.is_new]
    if not edited:
        return {}
    found = Answers(
        context,
        {one.segment: one.segment_key for one in judged},
        _live_versions(context.warehouse),
        {one.segment_key: one.definition.contacts for one in judged if one.definition is not None},
        frozenset(part.removeprefix(f"{CONTACTS}.") for part in broken if part.startswith(f"{CONTACTS}.")),
        _standing(context, judged),
    )
    return {one.segment_key: found.of(one.segment) for one in edited}


def old_rules(
    context: TickContext, judged: list[Judged], broken: Collection[str] = ()
) -> tuple[pa.Table | None, dict[str, str]]:
    """(segment_key, contact_id) under the old rules of the segments that were edited, at this `as_of`.

    Also says for every such segment whether its old rule `ran` or is `broken`. The rule may be broken for good
    (a column is gone), which must not stop the tick. `broken` are the parts that this build could not evaluate:
    an attribute among them is null for everybody, and a rule over nulls would run and say that nobody matches.
    Each runs beside the caller's transaction, which would not survive its failure, and within the limit of `.sql`
    segments: what nobody asks any more must not hold up a tick.
    """
    edited = [one for one in judged if one.edited and not one.is_new]
    if not edited:
        return None, {}
    catalog, warehouse = context.compiled.specs.catalog, context.warehouse
    versions, standing = _live_versions(warehouse), _standing(context, judged)
    ran: list[pa.Table] = []
    timeout = context.compiled.specs.settings.sql_segments.timeout
    outcome: dict[str, str] = {}
    missing = {part.removeprefix(f"{CONTACTS}.") for part in broken if part.startswith(f"{CONTACTS}.")}
    for one in edited:
        old = versions[one.segment_key]
        mapped = (
            old["contacts"] is not None and one.definition is not None and old["contacts"] != one.definition.contacts
        )
        try:
            text = as_written_now(old["compiled_sql"])
            words = warehouse.words
            query = context.fill(with_contacts(text, old["contacts"], catalog, words) if mapped else text)
            query = standing.placed(query, parts_from(old["parts"]) or {})
            read = {column.name for column in query.find_all(exp.Column)}
            key = exp.Literal.string(one.segment_key).as_("segment_key")
            rows = exp.select(key, "contact_id").from_(query.subquery("old"))
            found = warehouse.attempt(rows, timeout) if mapped or not missing & read else ""
        except Exception as reason:  # whatever is wrong with an old rule, the new one goes on
            found = str(reason)
        outcome[one.segment_key] = "broken" if isinstance(found, str) else "ran"
        if not isinstance(found, str):
            ran.append(found.cast(_OLD_SCHEMA))
    return pa.concat_tables(ran) if ran else None, outcome


_OLD_SCHEMA = pa.schema([("segment_key", pa.string()), ("contact_id", pa.string())])


def _standing(context: TickContext, judged: list[Judged]) -> Standing:
    keys = {one.segment: one.segment_key for one in judged}
    return Standing.of(context, keys, [one.segment for one in judged if one.status == "resting"])


def _versions_query() -> exp.Query:
    columns = ("segment_key", "segment_version", "fingerprint", "contacts", "models")
    return exp.select(*columns).from_(relation("segment_versions"))


def _definition(version: Mapping[str, Any]) -> Definition:
    return Definition(version["fingerprint"], version["contacts"], version["models"])


def _on_change_query() -> exp.Query:
    sizes = relation("segment_sizes")
    last = exp.select(exp.Max(this=exp.column("tick_id"))).from_(sizes.copy()).subquery()
    return exp.select("segment_key", "on_change").from_(sizes).where(exp.column("tick_id").eq(last))


def _last_evaluated(warehouse: Warehouse, keys: list[str]) -> dict[str, str]:
    """segment_key -> the last tick that compared this segment with its members."""
    if not keys:
        return {}
    ticks = (
        exp.select("segment_key", exp.Max(this=exp.column("tick_id")).as_("tick_id"))
        .from_(relation("segment_sizes"))
        .where(exp.column("status").eq(exp.Literal.string("ok")), exp.column("segment_key").isin(*keys))
        .group_by("segment_key")
    )
    return {row["segment_key"]: row["tick_id"] for row in warehouse.rows(ticks)}


def _live_versions(warehouse: Warehouse) -> dict[str, dict[str, Any]]:
    """segment_key -> compiled_sql, contacts and parts of the version that produced its present members."""
    query = (
        exp.select("state.segment_key", "versions.compiled_sql", "versions.contacts", "versions.parts")
        .from_(exp.alias_(relation("segment_state"), "state", table=True))
        .join(
            exp.alias_(relation("segment_versions"), "versions", table=True),
            on="versions.segment_key = state.segment_key and versions.segment_version = state.segment_version",
        )
    )
    return {row["segment_key"]: row for row in warehouse.rows(query)}
