"""What steps do beside moving contacts: they change them, make tasks, claim codes, and fill texts.

Changes and tasks are rows of the steps taken, made in SQL. Only what has to be asked for each contact is done in
Python, in each hop, as its failure may change the way on: a code of a pool, a text with braces.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlglot import exp

from segflow.errors import InputError
from segflow.flows.graph import UpdateRow, update_rows
from segflow.messages import OWNERS
from segflow.numbers import LARGEST, PLACES
from segflow.outbox.contents import RenderError
from segflow.outbox.coupons import Claim
from segflow.outbox.origins import origins_query
from segflow.outbox.records import PlannedMessage
from segflow.outbox.render import Renderer
from segflow.outbox.surroundings import ORIGIN, Origin, Surroundings
from segflow.segments.compiler import CONTACTS
from segflow.segments.sql import col, named, text_literal
from segflow.specs.types import NUMBERS, ValueType, parse_date, parse_instant
from segflow.ticks.context import TickContext
from segflow.warehouse import words
from segflow.warehouse.base import python_rows, relation
from segflow.warehouse.sqlfile import Parameter, load_query

_SQL = Path(__file__).parent / "sql"
Claimer = Callable[[Collection[Claim]], Mapping[str, str]]
"""Claims codes: claim id -> code; those whose pool is empty are left out."""
_NUMBER = pa.decimal128(38, PLACES)
_UPDATES = pa.schema(
    [(name, pa.string()) for name in ("flow", "step", "kind", "name", "value", "how")] + [("number", _NUMBER)]
)
_TASKS = pa.schema(
    [(name, pa.string()) for name in ("flow", "step", "title", "assignee")] + [("due_at", pa.timestamp("us"))]
)
_POOLS = pa.schema([(name, pa.string()) for name in ("flow", "step", "pool")])
_PLACES = pa.schema([(name, pa.string()) for name in ("flow", "step")])
_FILLED = pa.schema(
    [(name, pa.string()) for name in ("enrollment_id", "step")]
    + [("visit", pa.int64())]
    + [(name, pa.string()) for name in ("part", "value")]
    + [("number", _NUMBER)]
)
_CLAIMS = pa.schema([(name, pa.string()) for name in ("claim_id", "code", "pool", "enrollment_id", "flow", "step")]
                    + [("visit", pa.int64()), ("contact_id", pa.string())])  # fmt: skip
_OUTCOMES = pa.schema([(name, pa.string()) for name in ("enrollment_id", "detail", "failure")] + [("ends", pa.bool_())])
FAILED = "failed"
"""The action of a step that did not do what it is for, and the end of an enrollment that its failure ends."""
_AT_ONCE = 10_000

Fill = tuple[str, str, ValueType | None]
"""The part, its text, and for an attribute its type."""


class Effects:
    """The effects of one `advance`."""

    def __init__(self, context: TickContext, claim: Claimer | None) -> None:
        """`claim` is asked where steps give codes away."""
        self._context, self._warehouse, self._claim = context, context.warehouse, claim
        self._specs = context.compiled.specs
        self._attributes = self._specs.catalog.contacts.attributes
        self._fills: dict[tuple[str, str], list[Fill]] = {}
        self._pools: list[dict[str, str]] = []
        self._tasks: list[dict[str, Any]] = []
        self._added: set[str] = set()
        self._renderer, self._surroundings = Renderer.of(self._specs), Surroundings(self._specs)
        self._ending: set[tuple[str, str]] = set()
        self._filled: list[dict[str, Any]] = []
        self._claims: list[dict[str, Any]] = []

    def stage(self) -> None:
        """Stage what the steps of all flows do: `updates`, `task_steps`, `coupon_steps`, `fill_steps`."""
        updates: list[dict[str, Any]] = []
        for flow, found in self._specs.flows.items():
            for row in update_rows(flow, found.spec):
                updates.append(self._update(row))
            for step in found.spec.walk():
                row_of = step.row()
                if step.ends_on_failure:
                    self._ending.add((flow, step.id))
                if row_of.coupon is not None:
                    self._pools.append({"flow": flow, "step": step.id, "pool": row_of.coupon})
                if row_of.task is not None:
                    told = {name: row_of.task.get(name) for name in ("title", "assignee")}
                    for part, text in told.items():
                        if text is not None and (_has_braces(text) or text in OWNERS):
                            self._fills.setdefault((flow, step.id), []).append((part, text, None))
                    self._tasks.append({"flow": flow, "step": step.id, **told, "due_at": self._due(flow, row_of.task)})
        w = self._warehouse
        w.stage("updates", pa.Table.from_pylist(updates, schema=_UPDATES))
        if self._tasks:
            w.stage("task_steps", pa.Table.from_pylist(self._tasks, schema=_TASKS))
        if self._pools:
            w.stage("coupon_steps", pa.Table.from_pylist(self._pools, schema=_POOLS))
        if self._fills:
            places = [{"flow": flow, "step": step} for flow, step in self._fills]
            w.stage("fill_steps", pa.Table.from_pylist(places, schema=_PLACES))

    def begin(self) -> None:
        """Forget what was done: moving begins (again)."""
        self._filled, self._claims = [], []

    def take(self, staged: str, steps: Set[tuple[str, str]], number: int) -> bool:
        """Do what the steps of `due`, `steps` by (flow, step), ask for each of the `number` of enrollments in it.
        Returns whether `staged`, the table behind it, was made anew to say what came of it."""
        outcomes: dict[str, dict[str, Any]] = {}
        if any((row["flow"], row["step"]) in steps for row in self._pools):
            self._claim_codes(outcomes)
        if not steps.isdisjoint(self._fills):
            self._fill_texts(outcomes)
        if not outcomes:
            return False
        rows = [{"enrollment_id": one, **told} for one, told in outcomes.items()]
        self._warehouse.stage("outcomes", pa.Table.from_pylist(rows, schema=_OUTCOMES))
        self._warehouse.stage(staged, self._with_outcomes(staged), about=number)
        return True

    def record(self) -> None:
        """Write the changes, tasks and claims of the steps taken."""
        w, tick_id = self._warehouse, self._context.tick_id
        w.stage("filled", pa.Table.from_pylist(self._filled, schema=_FILLED))
        w.append("contact_updates", tick_id, self._reckoned() if self._added else self._query("updates"))
        if self._tasks:
            w.append("tasks", tick_id, self._query("tasks"))
        if self._claims:
            w.stage("claims", pa.Table.from_pylist(self._claims, schema=_CLAIMS))
            w.append("coupon_claims", tick_id, self._query("coupon_claims"))

    def _query(self, name: str, **parameters: Parameter) -> exp.Query:
        return load_query(_SQL / f"{name}.sql", as_of=self._context.as_of, tick_id=self._context.tick_id, **parameters)

    def _update(self, row: UpdateRow) -> dict[str, Any]:
        values = asdict(row)
        kind = self._attributes[row.name].type if row.kind == "attribute" and row.name in self._attributes else None
        if row.how == "now" and kind in ("date", "timestamp"):
            values["value"] = self._now(kind)
        elif row.how == "fill":
            assert row.value is not None
            self._fills.setdefault((row.flow, row.step), []).append((row.name, row.value, kind))
        elif row.how == "add":
            self._added.add(row.name)
        return {**values, "number": _number(values["value"]) if kind in NUMBERS and row.how != "fill" else None}

    def _now(self, kind: ValueType) -> str:
        as_of = self._context.as_of
        if kind == "date":
            return as_of.astimezone(self._context.compiled.zone).date().isoformat()
        return as_of.astimezone(UTC).isoformat().replace("+00:00", "Z")

    def _due(self, flow: str, task: Mapping[str, Any]) -> datetime | None:
        span = task.get("due")
        if span is None:
            return None
        try:
            found: datetime = span.after(self._context.as_of, self._context.compiled.zone)
        except (OverflowError, ValueError) as error:
            raise InputError(f"{flow}: {span} after {self._context.as_of.isoformat()} leaves the calendar") from error
        return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found

    def _claim_codes(self, outcomes: dict[str, dict[str, Any]]) -> None:
        rows = self._warehouse.rows(self._query("coupon_subjects"))
        if not rows or self._claim is None:
            return
        asked = [Claim(claim_id=row["claim_id"], pool=row["pool"], contact_id=row["contact_id"]) for row in rows]
        codes = self._claim(asked)
        for row in rows:
            code = codes.get(row["claim_id"])
            if code is None:
                why = f"no_coupon: pool {row['pool']} is empty"
                outcomes[row["enrollment_id"]] = self._failed(row["flow"], row["step"], why)
            else:
                outcomes[row["enrollment_id"]] = {"detail": code}
                self._claims.append({**row, "code": code})

    def _failed(self, flow: str, step: str, why: str) -> dict[str, Any]:
        return {"failure": why, "ends": (flow, step) in self._ending}

    def _fill_texts(self, outcomes: dict[str, dict[str, Any]]) -> None:
        contact = exp.Column(this=exp.Star(), table=exp.to_identifier(CONTACTS))
        subjects = self._query("fill_subjects")
        query = exp.select("subjects.*", contact).from_(subjects.subquery("subjects"))
        same = exp.EQ(this=col("contact_id", CONTACTS), expression=col("_contact_id", "subjects"))
        query = query.join(exp.alias_(relation(CONTACTS), CONTACTS, table=True), on=same, join_type="left")
        missing = dict.fromkeys(self._attributes)
        origins = self._origins()
        for batch in self._warehouse.batches(query, _AT_ONCE):
            for row in python_rows(pa.Table.from_batches([batch])):
                own = {name: value for name, value in row.items() if not name.startswith("_")}
                planned = _planned(row, self._context)
                contact_values = {**missing, **own, "contact_id": row["_contact_id"]}
                try:
                    self._filled += self._parts(planned, contact_values, origins.get(planned.enrollment_id))
                except RenderError as error:
                    why = f"template_error: {error}"
                    outcomes[planned.enrollment_id] = self._failed(planned.flow, planned.step, why)

    def _parts(self, row: PlannedMessage, contact: Mapping[str, Any], origin: Origin | None) -> list[dict[str, Any]]:
        known = self._surroundings.of(row, origin)
        found = []
        for part, text, kind in self._fills[row.flow, row.step]:
            value = self._renderer.fill(text, part, row, contact, self._context.as_of, known)
            read = _read(value, kind, f"flow {row.flow}, step {row.step}, {part}") if kind is not None else value
            place = {"enrollment_id": row.enrollment_id, "step": row.step, "visit": row.visit, "part": part}
            found.append({**place, "value": read, "number": _number(read) if kind in NUMBERS else None})
        return found

    def _origins(self) -> dict[str, Origin]:
        """enrollment -> how it came about, of the steps of this hop, where any text may ask."""
        texts = [text for fills in self._fills.values() for _, text, _ in fills]
        if not any(name in text for text in texts for name in ORIGIN):
            return {}
        self._warehouse.stage("came_by", self._query("due_came_by"))
        return {row["subject_id"]: row for row in self._warehouse.rows(origins_query())}

    def _with_outcomes(self, staged: str) -> exp.Query:
        """The steps of `staged` with what came of each: a code, or why it failed."""
        due = exp.table_(staged, db="temp")
        schema = self._warehouse.query(exp.select("*").from_(due).limit(0)).schema
        failed = exp.Is(this=col("failure", "outcomes"), expression=exp.null()).not_()
        told = exp.Coalesce(this=col("failure", "outcomes"), expressions=[col("detail", "outcomes")])
        ends = exp.and_(failed.copy(), col("ends", "outcomes"))
        others: dict[str, exp.Expr] = {
            "action": exp.Case(ifs=[_if(failed, text_literal(FAILED))], default=col("action", "due")),
            "detail": exp.Coalesce(this=told, expressions=[col("detail", "due")]),
            "next_step": exp.Case(ifs=[_if(ends, exp.null())], default=col("next_step", "due")),
            "end_reason": exp.Case(ifs=[_if(ends.copy(), text_literal(FAILED))], default=col("end_reason", "due")),
            "channel": exp.Case(ifs=[_if(failed.copy(), exp.null())], default=col("channel", "due")),
        }
        columns = [named(others.get(name, col(name, "due")), name) for name in schema.names]
        query = exp.select(*columns).from_(exp.alias_(due.copy(), "due", table=True))
        same = exp.EQ(this=col("enrollment_id", "outcomes"), expression=col("enrollment_id", "due"))
        return query.join(exp.alias_(exp.to_table("temp.outcomes"), "outcomes", table=True), on=same, join_type="left")

    def _reckoned(self) -> exp.Query:
        """The changes where numbers were added to: each is what the contact has after all of its hop."""
        bases: list[exp.Query] = [
            exp.select(
                col("contact_id"),
                named(text_literal(name), "name"),
                named(exp.Cast(this=col(name), to=exp.DataType.build(f"DECIMAL(38, {PLACES})")), "number"),
            )
            .from_(relation(CONTACTS))
            .where(col("contact_id").isin(query=exp.select("contact_id").from_("temp.taken")))
            for name in sorted(self._added)
        ]
        self._warehouse.stage("bases", exp.union(*bases, distinct=False) if len(bases) > 1 else bases[0])
        found = self._query("reckoned")
        kept = ("contact_id", "kind", "name", "enrollment_id", "flow", "step", "hop", "at")
        value = exp.Coalesce(this=words.text(col("reckoned")), expressions=[col("value")])
        columns = [named(value if name == "value" else col(name), name) for name in (*kept[:3], "value", *kept[3:])]
        return exp.select(*columns).from_(found.subquery("changes"))


def _planned(row: Mapping[str, Any], context: TickContext) -> PlannedMessage:
    """The step that is taken, as what renders texts knows it."""
    return PlannedMessage(
        message_id="",
        enrollment_id=row["_enrollment_id"],
        flow=row["_flow"],
        flow_version=row["_flow_version"],
        step=row["_step"],
        visit=row["_visit"],
        contact_id=row["_contact_id"],
        channel="",
        sender="",
        content="",
        trigger_segment=row["_trigger_segment"],
        enrolled_at=row["_enrolled_at"].replace(tzinfo=UTC),
        planned_at=context.as_of,
        tick_id=context.tick_id,
    )


def _has_braces(text: str) -> bool:
    return "{{" in text or "{%" in text


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _read(text: str, kind: ValueType, place: str) -> str | None:
    """What a filled text says as a value of an attribute; nothing at all clears it. Raises RenderError."""
    given = text.strip()
    if not given:
        return None
    try:
        if kind in NUMBERS:
            _check_number(given, kind)
        elif kind == "boolean" and given.casefold() not in ("true", "false"):
            raise ValueError
        elif kind == "date":
            parse_date(given)
        elif kind == "timestamp":
            parse_instant(given)
    except (ValueError, InvalidOperation) as error:
        raise RenderError(f"{place}: '{given[:40]}' is no {kind}") from error
    return given if kind != "text" else text


def _check_number(text: str, kind: ValueType) -> None:
    number = Decimal(text)
    if not number.is_finite() or abs(number) > LARGEST or (kind == "integer" and number != number.to_integral_value()):
        raise ValueError


def claim_ids(context: TickContext) -> Sequence[str]:
    """The claims that this tick has written down."""
    mine = exp.column("tick_id").eq(exp.Literal.string(context.tick_id))
    found = exp.select("claim_id").from_(relation("coupon_claims")).where(mine)
    return [row["claim_id"] for row in context.warehouse.rows(found)]


def _if(condition: exp.Expr, then: exp.Expr) -> exp.If:
    return exp.If(this=condition, true=then)
