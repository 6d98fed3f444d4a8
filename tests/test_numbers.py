"""Numbers are decimal values, from the rows of the user's models to messages and files."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from segflow.numbers import Number, number_problem, plain_text, shown
from segflow.outbox.sandbox import Environment
from tests.world import World

AT = datetime(2026, 3, 1, 6, tzinfo=UTC)


def event(contact: str, amount: Any, number: int = 0) -> dict[str, Any]:
    properties = amount if isinstance(amount, str) else json.dumps({"amount": amount})
    return {"contact_id": contact, "name": "purchase", "at": AT - timedelta(hours=number + 1), "properties": properties}


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "world")
    people = {"ten": 0.1, "two": 0.1 + 0.2, "nan": float("nan"), "inf": float("inf")}
    world.rows_of("contacts", [{"contact_id": one, "score": score, "city": "Rome"} for one, score in people.items()])
    rows = [event("ten", 0.1, number) for number in range(10)] + [event("two", 0.1), event("two", 0.2, 1)]
    rows += [event("nan", '{"amount": NaN}'), event("inf", '{"amount": Infinity}')]
    random.Random(3).shuffle(rows)
    world.rows_of("events", rows)
    return world


@pytest.mark.parametrize(
    ("where", "members"),
    [
        ({"event": "purchase", "sum": {"property": "amount", "gte": 1}}, {"ten"}),
        ({"event": "purchase", "sum": {"property": "amount", "is": 0.3}}, {"two"}),
        ({"event": "purchase", "sum": {"property": "amount", "lte": 0.3, "gt": 0}}, {"two"}),
        ({"event": "purchase", "avg": {"property": "amount", "is": 0.1}}, {"ten"}),
        ({"event": "purchase", "avg": {"property": "amount", "gt": 0.149999999999, "lt": 0.150000000001}}, {"two"}),
        ({"event": "purchase", "max": {"property": "amount", "gt": 0}}, {"ten", "two"}),
        ({"event": "purchase", "where": {"property": "amount", "gt": -1}, "count": {"gte": 1}}, {"ten", "two"}),
        ({"attribute": "score", "gt": -10}, {"ten", "two"}),
        ({"attribute": "score", "is_set": True}, {"ten", "two"}),
        ({"attribute": "score", "is": 0.3}, {"two"}),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_conditions(world: World, where: dict[str, Any], members: set[str]) -> None:
    world.segment("some", {"where": where})
    world.tick(AT)
    assert set(world.project.members("some").column("contact_id").to_pylist()) == members


def test_one_value_everywhere(world: World) -> None:
    """0.1 + 0.2 of doubles is the number 0.3 in the preview, in what explain found, in messages and in files."""
    world.segment("some", {"where": {"event": "purchase", "sum": {"property": "amount", "is": 0.3}}})
    world.tick(AT)
    for file_format, found in (("csv", '"two",0.3'), ("jsonl", '{"contact_id":"two","score":0.3}')):
        done = world.project.export("some", format=file_format, columns=["contact_id", "score"])
        assert done.path.read_text(encoding="utf-8").splitlines()[-1] == found
    assert world.project.look("some").sample == [
        {"contact_id": "two", "enters": False, "purchase sum of amount": Decimal("0.3")}
    ]
    assert world.project.explain("some", "two").answer.found["sum of amount"] == Decimal("0.3")


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ x }}", "0.8"),
        ("{{ x * 3 }}", "2.4"),
        ("{{ 0.1 + x }}", "0.9"),
        ("{{ x - 0.1 }}", "0.7"),
        ("{{ (x / 3) | round(2) }}", "0.27"),
        ("{{ '%.2f' | format(x) }}", "0.80"),
        ("{{ x | tojson }}", "0.8"),
        ("{{ (-x) | abs }}", "0.8"),
        ("{{ x > 0.7 }}", "True"),
        ("{{ x == 0.8 and x >= 0.8 and 0.8 >= x and not x != 0.8 }}", "True"),
        ("{{ x < 0.8 or 0.8 < x }}", "False"),
        ("{{ tiny }}", "0.0000001"),
        ("{{ whole }}", "100"),
    ],
)
def test_templates(template: str, text: str) -> None:
    values = {"x": Number("0.800000000000"), "tiny": Number("0.000000100000"), "whole": shown(Decimal("100.000"))}
    assert Environment().from_string(template).render(values) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("0E-12"), "0"),
        (Decimal("33333333333333333333.8333333333331"), "33333333333333333333.8333333333331"),
        (1e-7, "0.0000001"),
        (1e16, "10000000000000000"),
        (-2, "-2"),
    ],
    ids=str,
)
def test_plain_text(value: Decimal | float, text: str) -> None:
    assert plain_text(value) == text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("0.1", None),
        ("1e3", None),
        ("0.123456789012", None),
        ("0.1234567890123", "more than 12 digits after the point"),
        ("12345678901234567.5", "too many digits"),
        ("1e21", "not a number that can be compared"),
        ("-1e300", "not a number that can be compared"),
    ],
)
def test_numbers_of_specs(text: str, problem: str | None) -> None:
    found = number_problem(text)
    assert found is None if problem is None else problem in (found or "")
