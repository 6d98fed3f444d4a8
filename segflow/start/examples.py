"""The first segments: conditions that hold for some of their contacts and not for others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from segflow.specs.project import Specs
from segflow.start.names import identifier, unique, words
from segflow.start.plan import Events, Kind, Object, Proposal, Value
from segflow.start.profile import Table
from segflow.start.render import literal, name
from segflow.start.staging import contact_of, joined_by
from segflow.start.try_out import TryOut

_BUYING = ("purchase", "order", "bought", "checkout", "payment", "invoice", "sale", "transaction", "booking")
_MONEY = ("total", "amount", "revenue", "price", "value", "sum", "paid", "turnover", "net", "gross", "spend", "betrag")
_DAYS = (30, 90, 7, 365)
_SOME = (0.03, 0.7)
"""The share of the contacts that a good example holds for."""
_AS_OF = "2026-03-01"


@dataclass
class Example:
    """A segment to begin with. `members` of all contacts are in it now."""

    id: str
    description: str
    members: int = 0
    where: dict[str, Any] = field(default_factory=dict)
    query: str = ""
    """Of a `.sql` segment."""
    test_contacts: list[dict[str, Any]] = field(default_factory=list)
    test_events: list[dict[str, Any]] = field(default_factory=list)


def in_yaml(proposal: Proposal, specs: Specs, tried: TryOut, contacts: int) -> Example:
    """A segment of conditions: the first of those that could be that holds for some and not for all."""
    best: tuple[float, Example] | None = None
    for example in _conditions(proposal):
        found = tried.of(specs, example.where)
        if found is None or not 0 < found < contacts:
            continue
        example.members = found
        share = found / contacts
        if _SOME[0] <= share <= _SOME[1]:
            return example
        if best is None or abs(share - 0.3) < best[0]:
            best = (abs(share - 0.3), example)
    if best is not None:
        return best[1]
    everyone = Example("everyone", "All contacts: nothing in the data tells some from others yet", contacts)
    everyone.where, everyone.test_contacts = {"everyone": True}, [{"contact_id": "ana"}]
    return everyone


def _conditions(proposal: Proposal) -> Iterator[Example]:
    """What may tell contacts apart, the most telling first."""
    kinds = sorted(
        ((source, kind) for source in proposal.events for kind in source.kinds),
        key=lambda one: (not set(_BUYING) & words(one[1].name), -one[1].rows),
    )
    for _, kind in kinds[:3]:
        yield from (_lately(kind, days) for days in _DAYS)
    for value in proposal.contacts.attributes:
        yield from _alike(proposal.contacts.table, value)
    for _, kind in kinds[:3]:
        yield from (_often(kind, times) for times in (2, 3, 5, 10, 25))
    for thing in proposal.objects:
        if thing.contacts_by is None:
            yield from (_having(thing, times) for times in (1, 2, 3, 5, 10))
    yield from (_filled(value) for value in proposal.contacts.attributes)


def _told(text: str) -> str:
    return text.replace("_", " ")


def _lately(kind: Kind, days: int) -> Example:
    example = Example(f"{kind.name}_last_{days}_days", f"At least one {_told(kind.name)} in the last {days} days")
    example.where = {"event": kind.name, "within_last": f"{days} days"}
    example.test_contacts = [{"contact_id": "ana"}, {"contact_id": "ben"}]
    example.test_events = [{"contact_id": "ana", "event": kind.name, "at": "2026-02-28"}]
    return example


def _often(kind: Kind, times: int) -> Example:
    example = Example(f"{kind.name}_{times}_times", f"{times} times {_told(kind.name)}, or more often")
    example.where = {"event": kind.name, "count": {"gte": times}}
    example.test_contacts = [{"contact_id": "ana"}, {"contact_id": "ben"}]
    rows = [("ana", f"2026-02-{day:02d}") for day in range(1, times + 1)]
    rows.append(("ben", "2026-02-01"))
    example.test_events = [{"contact_id": who, "event": kind.name, "at": at} for who, at in rows]
    return example


def _having(thing: Object, times: int) -> Example:
    example = Example(f"{thing.name}_{times}_times", f"Has {times} or more of {_told(thing.name)}")
    example.where = {"object": thing.name, "count": {"gte": times}}
    return example


def _alike(table: Table, value: Value) -> Iterator[Example]:
    """Contacts that have the value that most have, or a yes."""
    if value.path or not table.has(value.column) or value.unix:
        return
    column = table.column(value.column)
    if value.type == "boolean":
        example = Example(f"{value.name}_yes", f"{_told(value.name).capitalize()} is true", where={})
        example.where = {"attribute": value.name, "is": True}
        example.test_contacts = [{"contact_id": "ana", value.name: True}, {"contact_id": "ben"}]
        yield example
    elif value.type == "text" and 2 <= column.different <= 60 and column.different < column.filled:
        for text in column.stats["common"]:
            example = Example(identifier(f"{value.name} {text}"), f"{_told(value.name).capitalize()} is {text}")
            example.where = {"attribute": value.name, "is": text}
            example.test_contacts = [{"contact_id": "ana", value.name: text}, {"contact_id": "ben"}]
            yield example


def _filled(value: Value) -> Example:
    return Example(
        f"has_{value.name}"[:60],
        f"{_told(value.name).capitalize()} is known",
        where={"attribute": value.name, "is_set": True},
    )


def in_sql(proposal: Proposal, tried: TryOut, contacts: int) -> Example:
    """A segment that is a SELECT over their models; whoever asks holds it against the compiler."""
    found = next((one for one in _sums(proposal, tried, contacts) if 0 < one.members < contacts), None)
    return found or _of_contacts(proposal, tried, contacts)


def _sums(proposal: Proposal, tried: TryOut, contacts: int) -> Iterator[Example]:
    """The fifth of the contacts with the most money, or the most rows."""
    places: list[tuple[Table, str, str, str | None]] = []
    for thing in proposal.objects:
        if thing.belongs_to == "contact" and thing.via is not None:
            created = thing.created_at.column if thing.created_at and not thing.created_at.unix else None
            places.append((thing.table, thing.model, _contact_column(proposal, thing), created))
    for source in proposal.events:
        at = source.at.column if not source.at.unix else None
        places.append((source.table, source.model, _contact_column(proposal, source), at))
    for money in (True, False):
        for table, model, contact, at in places:
            measure = next((one.name for word in _MONEY for one in table.columns
                            if one.type in ("number", "integer") and word in words(one.name)), None)  # fmt: skip
            if money == (measure is not None):
                yield _top(tried, contacts, (table, model, contact, at), measure)


def _contact_column(proposal: Proposal, one: Object | Events) -> str:
    if joined_by(proposal, one.table):
        return contact_of(proposal, one.table)
    column = one.via if isinstance(one, Object) else one.contact
    assert column is not None
    return column


def _top(tried: TryOut, contacts: int, place: tuple[Table, str, str, str | None], measure: str | None) -> Example:
    table, model, contact, at = place
    held, rows = exp.column(contact, quoted=True), exp.table_(model, quoted=True)
    total: exp.Expr = exp.Sum(this=exp.column(measure, quoted=True)) if measure else exp.Count(this=exp.Star())
    sums = exp.select(held.as_("contact"), total.as_("total")).from_(rows)
    sums = sums.where(exp.Not(this=held.copy().is_(exp.null()))).group_by(held.copy())
    # In whole numbers with two digits that count, so that it reads like a person's.
    ranked = exp.select("total").from_(sums.subquery("sums")).order_by("total DESC")
    top = tried.warehouse.rows(ranked.limit(1).offset(max(0, contacts // 5)))
    top = top or tried.warehouse.rows(ranked.limit(1).offset(0))
    bound = _round(float(top[0]["total"] or 0)) if top else 0
    above = exp.column("total") >= exp.Literal.number(bound)
    members = tried.warehouse.scalar(exp.select(exp.Count(this=exp.Star())).from_(sums.subquery("sums")).where(above))
    what = _told(measure) if measure else "rows"
    example = Example(
        f"top_{table.name}", f"{bound:,} or more in {what} of {_told(table.name)}, all in all", int(members or 0)
    )
    lines = [f"select {name(contact)} as contact_id", f"from {_ref(table)}"]
    lines.append(
        f"where {name(at)} <= {{{{ as_of() }}}}  -- nothing later than the tick"
        if at
        else f"where {name(contact)} is not null"
    )
    lines += [f"group by {name(contact)}", f"having {f'sum({name(measure)})' if measure else 'count(*)'} >= {bound}"]
    example.query = "\n".join(lines)
    return example


def _ref(table: Table) -> str:
    """A model as a segment asks for it."""
    return f"{{{{ ref({table.source.model.ref if table.source.model is not None else literal(table.model)}) }}}}"


def _round(value: float) -> int:
    """A number of at most two digits that count, not above `value`."""
    whole = max(int(value), 0)
    step = 10 ** max(0, len(str(whole)) - 2)
    return int(whole // step * step)


def _of_contacts(proposal: Proposal, tried: TryOut, contacts: int) -> Example:
    """Without events: who has one of the values that most have, or the first half by key."""
    who = proposal.contacts
    key, model = name(who.key), _ref(who.table) if who.derived is None else f"{{{{ ref({literal(who.model)}) }}}}"
    for value in who.attributes:
        if value.type != "text" or value.path or not who.table.has(value.column):
            continue
        column = who.table.column(value.column)
        for text in column.stats["common"] if 2 <= column.different < column.filled else []:
            if "{" in text:
                continue  # dbt would read it as code
            where = f"{name(value.column)} = {literal(text)}"
            return Example(
                unique(identifier(f"{value.name} {text} by sql"), []),
                f"{_told(value.name).capitalize()} is {text}, said in SQL",
                query=f"select {key} as contact_id\nfrom {model}\nwhere {where}",
            )
    if who.email is not None:
        column_name = name(who.attribute(who.email).column)
        return Example(
            "company_addresses", "An address that is of none of the large providers",
            query=f"select {key} as contact_id\nfrom {model}\nwhere {column_name} not like '%@gmail.com'",
        )  # fmt: skip
    return Example(
        "known_contacts", "All contacts, said in SQL", contacts, query=f"select {key} as contact_id\nfrom {model}"
    )


def taken_ids(*examples: Example) -> set[str]:
    return {one.id for one in examples}
