# ruff: noqa: E501 (tables: one case per line)
"""Conditions on events, one line each: what happened to whom, and who matches. All cases are built in one pass."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from dateutil.relativedelta import relativedelta

from segflow.specs.catalog import Catalog
from segflow.specs.spec_file import parse_spec_file
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.segments.engine import Engine, load_table, make_specs

AS_OF = datetime(2026, 3, 31, 12, tzinfo=UTC)
CATALOG = Catalog.model_validate(
    {
        "contacts": {"model": "people", "attributes": {"city": "text"}},
        "events": [
            {
                "model": "events",
                "name": "name",
                "at": "at",
                "payload": {"column": "properties", "format": "json"},
                "types": {
                    "view": {"page": "text"},
                    "cart": {"amount": "number"},
                    "buy": {"amount": "number", "item": "text"},
                    "shop_in": {"till": "number"},
                    "shop_out": {"till": "number", "no": "number"},
                },
            }
        ],
    }
)
_STEPS = {"mo": "months", "d": "days", "h": "hours", "s": "seconds", "us": "microseconds"}

# condition, contact -> what happened ("view -30d+1us": an event and when, before or after as_of), who matches
CASES: dict[str, tuple[str, dict[str, list[str]], str]] = {
    "within_last is open at its start": ("{event: view, within_last: 30 days}", {"a": ["view -30d"], "b": ["view -30d+1us"], "c": ["view +1us"], "d": ["view"], "e": []}, "b d"),
    "not_within_last is closed at its end": ("{event: view, not_within_last: 30 days}", {"a": ["view -30d"], "b": ["view -30d+1us"], "c": []}, "a"),
    "between two spans": ("{event: view, within_last: 60 days, not_within_last: 30 days}", {"a": ["view -60d"], "b": ["view -60d+1us"], "c": ["view -30d"], "d": ["view -30d+1us"], "e": []}, "b c"),
    "a month before the 31st": ("{event: view, within_last: 1 month}", {"a": ["view 2026-02-28T12:00:00"], "b": ["view 2026-02-28T12:00:01"]}, "b"),
    "none between two spans": ("{event: view, within_last: 60 days, not_within_last: 30 days, count: 0}", {"a": ["view -45d"], "b": ["view -10d"], "c": []}, "b c"),
    "count is": ("{event: view, count: {is: 2}}", {"a": ["view -1d"], "b": ["view -1d", "view -1d"], "c": ["view -1d", "view -2d", "view -3d"], "d": []}, "b"),
    "count gt": ("{event: view, count: {gt: 1}}", {"a": ["view -1d"], "b": ["view -1d", "view -1d"], "d": []}, "b"),
    "count gte": ("{event: view, count: {gte: 1}}", {"a": ["view -1d"], "d": []}, "a"),
    "count lt": ("{event: view, count: {lt: 1}}", {"a": ["view -1d"], "d": []}, "d"),
    "count lte": ("{event: view, count: {lte: 1}}", {"a": ["view -1d"], "b": ["view -1d", "view -1d"], "d": []}, "a d"),
    "count between": ("{event: view, count: {between: [1, 2]}}", {"a": ["view -1d"], "b": ["view -1d"] * 2, "c": ["view -1d"] * 3, "d": []}, "a b"),
    "last_time within": ("{event: view, last_time: {within_last: 3 months}}", {"a": ["view -9d", "view -99d"], "b": ["view 2025-12-31T12:00:00"], "c": ["view 2025-12-31T12:00:01"], "d": []}, "a c"),
    "last_time longer ago takes those without any": ("{event: view, last_time: {not_within_last: 3 months}}", {"a": ["view -9d", "view -99d"], "b": ["view -99d"], "d": []}, "b d"),
    "first_time within: first ever": ("{event: view, first_time: {within_last: 30 days}}", {"a": ["view -9d"], "b": ["view -9d", "view -31d"], "c": ["view -30d"], "d": []}, "a"),
    "first_time of the rows of a window": ("{event: view, within_last: 30 days, first_time: {within_last: 10 days}}", {"a": ["view -9d"], "b": ["view -9d", "view -31d"], "c": ["view -9d", "view -20d"]}, "a b"),
    "first_time on a day": ("{event: view, first_time: {on: 2026-03-01}}", {"a": ["view 2026-03-01T00:00:00"], "b": ["view 2026-03-01T23:59:59"], "c": ["view 2026-03-02T00:00:00"], "d": ["view 2026-02-01T00:00:00", "view 2026-03-01T00:00:00"]}, "a b"),
    "last_time before": ("{event: buy, where: {property: item, is: tea}, last_time: {before: 2026-03-01}}", {"a": ["buy -1d item=cake", "buy -99d item=tea"], "b": ["buy -1d item=tea", "buy -99d item=tea"], "d": []}, "a"),
    "last_time is_set": ("{event: view, last_time: {is_set: false}}", {"a": ["view -1d"], "d": []}, "d"),
    "days": ("{event: view, days: {of_last: 7, gte: 3}}", {"a": ["view -1h", "view -25h", "view -49h"], "b": ["view -1h", "view -2h", "view -3h"], "c": ["view", "view -1d", "view -7d"], "d": ["view", "view -1d", "view -7d+1us"], "e": []}, "a d"),
    "days: a day begins at as_of": ("{event: view, days: {of_last: 2, is: 2}}", {"a": ["view", "view -1d+1us"], "b": ["view", "view -1d"], "c": ["view -1d", "view -2d+1us"]}, "b"),
    "days: none": ("{event: view, days: {of_last: 7, is: 0}}", {"a": ["view -1d"], "b": ["view -7d"], "d": []}, "b d"),
    "weeks": ("{event: view, weeks: {of_last: 4, gte: 2}}", {"a": ["view -1d", "view -8d"], "b": ["view -1d", "view -6d"], "c": ["view -7d", "view -28d+1us"], "d": ["view -7d", "view -28d"]}, "a c"),
    "months are calendar steps of as_of": ("{event: view, months: {of_last: 3, is: 2}}", {"a": ["view 2026-03-01T00:00:00", "view 2026-02-28T12:00:00"], "b": ["view 2026-03-01T00:00:00", "view 2026-02-28T12:00:01"], "c": ["view 2026-01-31T12:00:01", "view 2026-01-31T12:00:00"], "d": ["view", "view 2025-12-31T12:00:00"]}, "a c"),
    "days with where": ("{event: buy, where: {property: amount, gte: 5}, days: {of_last: 7, gte: 2}}", {"a": ["buy -1h amount=5", "buy -25h amount=5"], "b": ["buy -1h amount=5", "buy -25h amount=4"], "c": ["buy -1h amount=5", "buy -25h"]}, "a"),
    "stopped": ("{event: view, stopped: 30 days}", {"a": ["view -30d"], "b": ["view -30d+1us", "view -31d"], "c": ["view -60d+1us"], "d": ["view -60d"], "e": [], "f": ["view -40d", "view -50d"]}, "a c f"),
    "restarted": ("{event: view, restarted: 30 days}", {"a": ["view", "view -60d"], "b": ["view", "view -59d", "view -99d"], "c": ["view"], "d": ["view -60d"], "e": [], "f": ["view -30d+1us", "view -400d"], "g": ["view -30d", "view -400d"]}, "a f"),
    "stopped with where": ("{event: buy, where: {property: item, is: tea}, stopped: 1 month}", {"a": ["buy -40d item=tea", "buy -2d item=cake"], "b": ["buy -40d item=cake"], "c": ["buy -40d item=tea", "buy -2d item=tea"]}, "a"),
    "followed_by": ("{event: view, followed_by: {event: buy, within: 2 days}}", {"a": ["view -5d", "buy -3d"], "b": ["view -5d", "buy -3d+1us"], "c": ["buy -5d", "view -4d"], "d": ["view -5d", "buy -5d"], "e": ["view -5d", "buy -5d+1us"], "f": ["view -5d"], "g": ["view -9d", "view -4d", "buy -3d"]}, "a e g"),
    "followed_by counts the first events": ("{event: view, followed_by: {event: buy, within: 2 days}, count: 2}", {"a": ["view -5d", "view -4d", "buy -3d"], "b": ["view -5d", "buy -4d", "buy -3d"], "c": ["view -9d", "buy -8d", "view -5d", "buy -4d"]}, "a c"),
    "followed_by with both wheres": ("{event: view, where: {property: page, is: tea}, followed_by: {event: buy, where: {property: amount, gte: 5}, within: 2 days}}", {"a": ["view -5d page=tea", "buy -4d amount=5"], "b": ["view -5d page=cake", "buy -4d amount=5"], "c": ["view -5d page=tea", "buy -4d amount=4"], "d": ["view -5d page=tea", "buy -4d amount=4", "buy -4d amount=6"], "e": ["view -5d page=tea", "buy -4d"]}, "a d"),
    "followed_by in a window of the first": ("{event: view, within_last: 3 days, followed_by: {event: buy, within: 2 days}}", {"a": ["view -4d", "buy -2d"], "b": ["view -2d", "buy -1d"]}, "b"),
    "followed_by itself": ("{event: view, followed_by: {event: view, within: 1 day}}", {"a": ["view -5d", "view -4d"], "b": ["view -5d", "view -5d"], "c": ["view -5d"]}, "a"),
    "not_followed_by": ("{event: cart, not_followed_by: {event: buy, within: 1 day}}", {"a": ["cart -1d"], "b": ["cart -1d+1us"], "c": ["cart -5d", "buy -4d"], "d": ["cart -5d", "buy -4d+1us"], "e": ["buy -5d"], "f": ["cart -5d", "buy -4d", "cart -3d"]}, "a d f"),
    "a chain of three": ("{event: view, followed_by: {event: cart, within: 1 day, followed_by: {event: buy, within: 1 day}}}", {"a": ["view -5d", "cart -4d", "buy -3d"], "b": ["view -5d", "cart -4d", "buy -3d+1us"], "c": ["view -5d", "buy -4d", "cart -4d"], "d": ["view -5d", "cart -5d+1h", "cart -5d+2h", "buy -4d+2h"], "e": ["view -5d", "buy -4d"]}, "a d"),
    "abandoned after a view": ("{event: view, followed_by: {event: cart, within: 1 day, not_followed_by: {event: buy, within: 1 day}}}", {"a": ["view -5d", "cart -4d"], "b": ["view -5d", "cart -4d", "buy -3d"], "c": ["view -1h", "cart -30s"], "d": ["view -5d", "cart -5d+1h", "buy -5d+2h", "cart -5d+3h"]}, "a d"),
    "one that followed and one that did not": ("{event: view, followed_by: {event: cart, within: 1 day}, not_followed_by: {event: buy, within: 2 days}}", {"a": ["view -5d", "cart -4d"], "b": ["view -5d", "cart -4d", "buy -3d"], "c": ["view -5d"], "d": ["view -5d", "cart -4d", "buy -2d"]}, "a d"),
    "nobody followed": ("{event: view, followed_by: {event: buy, within: 2 days}, count: 0}", {"a": ["view -5d", "buy -4d"], "b": ["view -5d"], "c": []}, "b c"),
    "the last time of those that followed": ("{event: view, followed_by: {event: buy, within: 1 day}, last_time: {within_last: 4 days}}", {"a": ["view -3d", "buy -2d"], "b": ["view -9d", "buy -8d", "view -1d"], "c": ["view -9d", "buy -8d", "view -4d+1us", "buy -3d"]}, "a c"),
    "event_prefix": ("{event_prefix: shop_, within_last: 9 days, count: 2}", {"a": ["shop_in -1d", "shop_out -2d"], "b": ["shop_in -1d", "view -2d"], "c": ["shop_in -1d", "shop_in -2d"], "d": ["shop_in -1d", "shop_out -9d"], "e": []}, "a c"),
    "event_prefix with a property that all have": ("{event_prefix: shop_, where: {property: till, gte: 5}, count: 2}", {"a": ["shop_in -1d till=5", "shop_out -2d till=6"], "b": ["shop_in -1d till=5", "shop_out -2d till=4"], "c": ["shop_in -1d till=5", "shop_out -2d no=5"]}, "a"),
    "event_prefix followed": ("{event_prefix: shop_, followed_by: {event: buy, within: 1 day}}", {"a": ["shop_out -3d", "buy -2d"], "b": ["buy -3d", "shop_out -2d"]}, "a"),
    "any_event": ("{any_event: true, within_last: 30 days, count: 0}", {"a": ["view -1d"], "b": ["shop_out -1d"], "c": ["buy -31d"], "d": [], "e": ["unheard_of -1d"]}, "c d e"),
    "any_event last time": ("{any_event: true, last_time: {not_within_last: 30 days}}", {"a": ["view -1d", "buy -40d"], "b": ["view -50d", "buy -40d"], "d": []}, "b d"),
    "any_event on days": ("{any_event: true, days: {of_last: 3, is: 2}}", {"a": ["view -1h", "buy -2h", "cart -25h"], "b": ["view -1h", "buy -2h"]}, "a"),
}  # fmt: skip


def _event(text: str) -> dict[str, Any]:
    """`buy -2d+1us item=tea`: the event, when, its properties."""
    name, *rest = text.split()
    at, properties = AS_OF, {}
    for part in rest:
        if "=" in part:
            key, _, value = part.partition("=")
            properties[key] = value
        elif part[0].isdigit():
            at = datetime.fromisoformat(part).replace(tzinfo=UTC)
        else:
            for sign, number, unit in re.findall(r"([+-])(\d+)([a-z]+)", part):
                at += (
                    relativedelta(**{_STEPS[unit]: int(sign + number)})
                    if unit == "mo"
                    else timedelta(**{_STEPS[unit]: int(sign + number)})
                )  # type: ignore[arg-type]
    return {"name": name, "at": at.replace(tzinfo=None), "properties": json.dumps(properties)}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Case -> its contacts that match, by the one pass."""
    people, events = [], []
    for number, (_, happened, _) in enumerate(CASES.values()):
        for contact, told in happened.items():
            key = f"{number}/{contact}"
            people.append({"contact_id": key, "city": None})
            events += [{"contact_id": key, **_event(text)} for text in told]
    rules = {f"case_{number}": parse_spec_file(case[0], "case").data for number, case in enumerate(CASES.values())}
    with DuckDBWarehouse(tmp_path_factory.mktemp("rows") / "warehouse.duckdb") as warehouse:
        warehouse.ensure_tables()
        load_table(
            warehouse,
            "people",
            pa.Table.from_pylist(people, schema=pa.schema([("contact_id", pa.string()), ("city", pa.string())])),
        )
        load_table(warehouse, "events", pa.Table.from_pylist(events))
        engine = Engine(warehouse, make_specs(CATALOG, rules), AS_OF)
        engine.build()
        members = engine.memberships()
        assert all(engine.standalone(name) == members[name] for name in rules)
    return {
        case: " ".join(sorted(m.partition("/")[2] for m in members[f"case_{n}"] if m.startswith(f"{n}/")))
        for n, case in enumerate(CASES)
    }


@pytest.mark.parametrize("case", CASES)
def test_who_matches(found: dict[str, str], case: str) -> None:
    assert found[case] == CASES[case][2]


def test_no_case_matches_everybody_or_nobody() -> None:
    """Such a case could not fail."""
    assert [c for c, (_, happened, expected) in CASES.items() if expected.split() in ([], sorted(happened))] == []
