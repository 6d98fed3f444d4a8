"""Random flows of all kinds of steps, and random stories of contacts and ticks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from itertools import count
from typing import Any

from hypothesis import strategies as st

from tests.flow_passage import TO_CONTACTS, Spec

FIRST = datetime(2026, 3, 26, 6, tzinfo=UTC)
"""A Thursday; Europe/Berlin sets its clocks forward on the Sunday after it."""
CONTACTS = ("ana", "bob", "eve", "kim")
ZONES = (None, "Europe/Berlin", "America/New_York", "Asia/Kolkata", "No/Where")
BIRTHDAYS = (None, date(2026, 3, 27), date(2026, 3, 29), date(2026, 4, 1))
RENEWALS = (
    None,
    datetime(2026, 3, 27, 23, 30, tzinfo=UTC),
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 3, 30, 12, tzinfo=UTC),
)
TIMES = ("00:00", "02:30", "09:00", "18:00")
FLOW = "flow0"
"""The flow that steps of others may enter or leave."""


def one(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


def fixed(**given: Any) -> st.SearchStrategy[Spec]:
    """A mapping of strategies; a name ends in _ where Python has it as a word of its own."""
    return st.fixed_dictionaries({name.rstrip("_"): value for name, value in given.items()})


def some(**given: Any) -> st.SearchStrategy[Spec]:
    """Any of them, or none."""
    return st.fixed_dictionaries({}, optional={name.rstrip("_"): value for name, value in given.items()})


def merged(*parts: st.SearchStrategy[Spec]) -> st.SearchStrategy[Spec]:
    return st.tuples(*parts).map(lambda found: {key: value for part in found for key, value in part.items()})


grown = st.integers(1, 4).map(lambda least: {"attribute": "age", "gte": least})
bought = st.just({"event": "visit", "since": "enrollment"})
lately = one({"event": "visit", "since": "last_tick"}, {"event": "visit", "since": "s0"})
known = one({"tag": "red"}, {"tag": "blue"}, {"attribute": "points", "gte": 3})
inside = st.one_of(grown, st.just({"segment": "londoners"}), bought, lately, known)
edges = one({"enters": "londoners"}, {"exits": "londoners"}, {"enters": "grown"}, {"exits": "grown"})

zones = some(timezone=one("contact", "Europe/Berlin", "America/New_York"))
weekdays = some(days=one(["mon", "tue", "wed", "thu", "fri"], ["sun"], ["sat", "sun"]))
windows = merged(
    one({"from": "09:00", "to": "18:00"}, {"from": "22:00", "to": "02:30"}, {"from": "02:00", "to": "03:00"}),
    weekdays,
    zones,
)
spans = one("2 hours", "1 day", "36 hours", "2 days")
timeouts = one("1 day", "3 days", "1 month")

to_contact = one(
    {"send_email": {"subject": "x", "text": "x"}},
    {"send_sms": {"text": "x"}},
    {"send": {"subject": "x", "text": "x"}},
    {"send_whatsapp": {"template": "x", "language": "en"}},
)
to_others = one({"webhook": {"url": "https://example.com"}}, {"notify": {"to": "manager", "text": "x"}})
tasks = merged(st.just({"title": "Call {{ contact.contact_id }}"}), some(due=one("3 days", "1 month"))).map(
    lambda task: {"create_task": task}
)
sending = merged(st.one_of(to_contact, to_contact, to_others, tasks), some(window=windows))
effects = one(
    {"add_tag": "red"},
    {"remove_tag": "blue"},
    {"add_to_list": "news"},
    {"remove_from_list": "old"},
    {"update_contact": {"points": {"increment": 1}}},
    {"update_contact": {"points": {"increment": 2}}},
    {"update_contact": {"moved_at": "now"}},
    {"coupon": "spring", "on_failure": "continue"},
    {"coupon": "spring", "on_failure": "end"},
    {"enter_flow": FLOW},
    {"leave_flow": FLOW},
)
times = merged(fixed(time=one(*TIMES)), weekdays, zones)
days = merged(
    fixed(date=st.just("birthday")),
    some(offset=one("-1 day", "1 day", "-1 month"), at=one(*TIMES)),
    zones,
)
# Months on a timestamp are left out: a bound that holds for all of them there is not.
moments = merged(fixed(date=st.just("renews_at")), some(offset=one("-1 day", "1 day"), at=one(*TIMES)), zones)
short_waits = st.one_of(
    merged(fixed(for_=spans), some(jitter=one("2 hours", "1 day"))),
    merged(fixed(until=times), some(jitter=one("2 hours"))),
    fixed(until=days),
    fixed(until=moments),
)
waits = st.one_of(*[short_waits] * 4, fixed(until=st.one_of(grown, bought, known))).map(lambda w: {"wait": w})
_LIMITS = one("2026-03-28", "2026-03-30T09:00:00Z", {"attribute": "renews_at"}, {"attribute": "birthday"})
skips = some(skip_after=_LIMITS)
leaf = st.one_of(waits, sending, sending, effects)
leaves = st.one_of(leaf, leaf, leaf, merged(leaf, skips))

Arms = st.SearchStrategy[list[Spec]]


def branch(arm: Arms) -> st.SearchStrategy[Spec]:
    return fixed(if_=inside, then=arm, else_=arm).map(lambda body: {"branch": body})


def switch(arm: Arms) -> st.SearchStrategy[Spec]:
    case = st.one_of(fixed(if_=inside, then=arm), fixed(if_=inside, then=arm, name=one("first_of_all")))
    cases = st.lists(case, min_size=1, max_size=3, unique_by=lambda found: found.get("name", id(found)))
    return fixed(cases=cases, else_=arm).map(lambda body: {"switch": body})


def split(arm: Arms) -> st.SearchStrategy[Spec]:
    parts = st.lists(fixed(weight=one(1, 2, 50), steps=arm), min_size=2, max_size=3)
    return parts.map(lambda found: {"split": [{"name": f"part{n}", **part} for n, part in enumerate(found)]})


def forked_wait(arm: Arms) -> st.SearchStrategy[Spec]:
    until = st.one_of(grown, bought, known, days, moments)
    return fixed(until=until, timeout=timeouts, then=arm, timed_out=arm).map(lambda body: {"wait": body})


def forks(arm: Arms) -> st.SearchStrategy[Spec]:
    return merged(st.one_of(branch(arm), switch(arm), split(arm), forked_wait(arm)), st.one_of(st.just({}), skips))


exits = merged(one({"exit": True}, {"exit": True}, {"delete_contact": True}), st.one_of(st.just({}), skips))
ended = st.tuples(st.lists(leaves, max_size=1), exits).map(lambda found: [*found[0], found[1]])
arms = st.one_of(st.lists(leaves, max_size=2), st.lists(leaves, min_size=1, max_size=2), ended)
deep = st.lists(st.one_of(leaves, forks(arms)), max_size=2)
steps = st.lists(st.one_of(leaves, leaves, forks(deep)), min_size=2, max_size=5)
KINDS = (
    "wait", "branch", "switch", "split", "exit", "coupon", "create_task", "update_contact", "add_tag", "remove_tag",
    "window", "skip_after", "jitter", "timeout", "enter_flow", "leave_flow", "delete_contact", *TO_CONTACTS,
)  # fmt: skip
plain = st.fixed_dictionaries(
    {
        "trigger": st.lists(edges, min_size=2, max_size=3, unique_by=str).map(lambda e: {"any": e}),
        "reentry": one("never", "always", "always", {"after_entry": "2 days"}, {"after_exit": "2 days"}),
        "steps": steps,
    }
)
rules = st.fixed_dictionaries(
    {},
    optional={
        "where": grown,
        "exit_when": st.lists(st.one_of(inside, edges), min_size=1, max_size=2),
        "restart_when": st.lists(st.one_of(grown, st.just({"event": "visit"}), edges), min_size=1, max_size=2),
        "goal": st.one_of(grown, bought, edges),
        "max_enrollments": st.integers(1, 2),
        "not_while_in": st.just([FLOW]),
    },
)
flows = merged(plain, st.one_of(st.just({}), some(window=windows), some(window=windows), rules)).map(
    lambda flow: {k: v for k, v in flow.items() if k != "max_enrollments" or flow["reentry"] != "never"}
)

HERE = {"city": "Rome", "age": 2, "zone": None, "birthday": None, "renews_at": None, "here": True}
changes = st.fixed_dictionaries(
    {"visits": st.booleans(), "here": one(*[True] * 24, False), "city": one("London", "Rome")},
    optional={
        "age": st.integers(0, 5),
        "zone": one(*ZONES),
        "birthday": one(*BIRTHDAYS),
        "renews_at": one(*RENEWALS),
    },
)
SPANS = ("15 minutes", "7 hours", "18 hours", "30 hours", "60 hours")
ticks = st.fixed_dictionaries(
    {
        "changes": st.dictionaries(one(*CONTACTS), changes, min_size=2, max_size=4),
        "after": one(*SPANS, "due", "due", "just before", "due + 1 day"),
        "status": one(*["active"] * 5, "paused"),
        "how": one("once", "once", "twice", "interrupted"),
    }
)
_AT_FIRST = {"zone": one(*ZONES), "birthday": one(*BIRTHDAYS), "renews_at": one(*RENEWALS)}
beginnings = st.fixed_dictionaries({name: st.fixed_dictionaries(_AT_FIRST) for name in CONTACTS})


def programs(number: int) -> st.SearchStrategy[list[Spec]]:
    """So many flows, which do much: the simplest ones would do nothing."""

    def kinds(flow: Spec) -> int:
        return len({word for word in KINDS if f"'{word}'" in str(flow)})

    return st.lists(flows.filter(lambda flow: kinds(flow) >= 5), min_size=number, max_size=number)


def stories(number: int) -> st.SearchStrategy[Spec]:
    """`number` ticks; and how contacts are at the first one."""
    return fixed(
        people=beginnings,
        ticks=st.lists(ticks, min_size=number, max_size=number),
        zone=one("UTC", "Europe/Berlin"),
    )


def ready(specs: list[Spec], usable: Callable[[Spec], bool] = lambda step: True) -> dict[str, Spec]:
    """The flows by name, with ids, less the steps that cannot be there."""
    named = {}
    for number, spec in enumerate(specs):
        name = f"flow{number}"

        def here(step: Spec, name: str = name) -> bool:
            return usable(step) and not (name == FLOW and ("enter_flow" in step or "leave_flow" in step))

        numbers = count()
        found = _with_ids(spec["steps"], numbers, here)
        # Where all steps are gone, or the first is not s0, conditions about s0 would be refused.
        named[name] = {**spec, "steps": found or [{"id": "s0", "add_to_list": "news"}]}
        if name == FLOW:
            named[name].pop("not_while_in", None)
    return named


def _with_ids(spec: list[Spec], numbers: count[int], usable: Callable[[Spec], bool]) -> list[Spec]:
    found = []
    for step in spec:
        if not usable(step):
            continue
        own = {"id": f"s{next(numbers)}", **step}

        def arm(steps: list[Spec]) -> list[Spec]:
            return _with_ids(steps, numbers, usable)

        match own:
            case {"branch": body}:
                own["branch"] = {**body, "then": arm(body["then"]), "else": arm(body["else"])}
                empty = not own["branch"]["then"] and not own["branch"]["else"]
            case {"switch": body}:
                cases = [{**case, "then": arm(case["then"])} for case in body["cases"]]
                own["switch"] = {"cases": cases, "else": arm(body["else"])}
                empty = not own["switch"]["else"] and not any(case["then"] for case in cases)
            case {"split": parts}:
                own["split"] = [{**part, "steps": arm(part["steps"])} for part in parts]
                empty = not any(part["steps"] for part in own["split"])
            case {"wait": {"timeout": _} as body}:
                own["wait"] = {**body, "then": arm(body["then"]), "timed_out": arm(body["timed_out"])}
                empty = False
            case _:
                empty = False
        # What does nothing is refused, and so are steps to which nobody gets.
        found.append({"id": own["id"], "add_to_list": "news"} if empty else own)
        if _ends(found):
            break
    return found


def _ends(steps: list[Spec]) -> bool:
    """Does everybody leave in these steps?"""
    match steps[-1:]:
        case [{"skip_after": _}]:
            return False
        case [{"exit": _}] | [{"delete_contact": _}]:
            return True
        case [{"branch": body}]:
            return _ends(body["then"]) and _ends(body["else"])
        case [{"switch": body}]:
            return _ends(body["else"]) and all(_ends(case["then"]) for case in body["cases"])
        case [{"split": parts}]:
            return all(_ends(part["steps"]) for part in parts)
        case [{"wait": {"timeout": _} as body}]:
            return _ends(body["then"]) and _ends(body["timed_out"])
    return False


def sends(step: Spec) -> bool:
    """Does it write to the contact?"""
    return bool(TO_CONTACTS & set(step))
