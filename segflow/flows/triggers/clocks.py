"""Zones and moments of triggers that look at a clock: each (trigger, zone) has its own, computed in Python; SQL joins
them by the zone of the contact."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlglot import exp

from segflow.flows.triggers.kind import Work
from segflow.segments.compiler import CONTACTS
from segflow.segments.sql import built, col, named, typed
from segflow.specs.clock_times import CONTACT_ZONE
from segflow.warehouse.base import relation
from segflow.zones import zone_of

_TICK = timedelta(microseconds=1)


def lower_bounds(work: Work) -> dict[str, datetime]:
    """Flow -> the moment after which something is new to it: `as_of` of the tick that it has consumed. Before the first
    tick nothing was missed, so that only what happens at this very moment is new."""
    warehouse = work.context.warehouse
    consumed = {str(row["consumed_to"]) for row in work.flows}
    asked = exp.select("tick_id", "as_of").from_(relation("ticks"))
    asked = asked.where(exp.column("tick_id").isin(*sorted(consumed)))
    known = {row["tick_id"]: row["as_of"].replace(tzinfo=UTC) for row in warehouse.rows(asked)}
    first = work.context.as_of - _TICK
    return {row["flow"]: known.get(row["consumed_to"], first) for row in work.flows}


def zones(work: Work, timezone: str | None) -> Iterator[tuple[str | None, ZoneInfo]]:
    """The zones of a trigger: its one, under None; or all that contacts are in, each under its name."""
    if timezone != CONTACT_ZONE:
        yield None, work.context.compiled.zone if timezone is None else zone_of(timezone)
        return
    for name in work.zones_in_use:
        yield name, zone_of(name)


def contact_zones(work: Work, needed: bool) -> exp.Query:
    """(contact_id, zone): the zone that counts for each contact, the project's for those without one. Nobody, unless it
    is `needed`."""
    attribute = work.context.compiled.specs.catalog.contacts.time_zone
    project: exp.Expr = exp.Literal.string(work.context.compiled.specs.settings.time_zone)
    contact = named(col("contact_id", CONTACTS), "contact_id")
    if not needed or attribute is None:
        nobody = exp.select(contact, named(typed(exp.null(), "text"), "zone"))
        return nobody.from_(exp.alias_(relation(CONTACTS), CONTACTS, table=True)).where(exp.false())
    known = [exp.Literal.string(name) for name in work.zones_in_use]
    own = col(attribute, CONTACTS)
    zone = exp.Case(ifs=[exp.If(this=exp.In(this=own, expressions=known), true=own.copy())], default=project)
    query = exp.select(contact, named(zone, "zone")).from_(built(CONTACTS, CONTACTS))
    return work.context.fill(query)


def put(query: exp.Query, name: str, inside: exp.Query) -> exp.Query:
    """`query`, a statement from a file, with `inside` as its CTE `name`."""
    (there,) = [one for one in query.ctes if one.alias == name]
    there.set("this", inside)
    return query


def written(moment: datetime) -> str:
    """As `trigger_data` has instants: ISO, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
