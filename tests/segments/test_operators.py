# ruff: noqa: E501 (tables: one case per line)
"""Every operator on every type: values that are there, missing, empty, and right at the border of a window."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from segflow.specs.catalog import Catalog
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.segments.engine import Engine, load_table, make_specs

AS_OF = datetime(2024, 3, 31, 10, 0, tzinfo=UTC)
"""The day on which clocks go forward in Berlin; a month before it is 29 February, the last day of that month, at the same
hour there, which is another one of UTC."""
TICK = timedelta(microseconds=1)
ATTRIBUTES = {
    "city": "text", "town": "text", "age": "number", "children": "integer", "vip": "boolean", "born": "date",
    "seen": "timestamp", "left": "timestamp", "hobbies": "list_of_text",
}  # fmt: skip
SCHEMA = pa.schema(
    [
        ("contact_id", pa.string()), ("city", pa.string()), ("town", pa.string()), ("age", pa.float64()),
        ("children", pa.float64()), ("vip", pa.bool_()), ("born", pa.date32()), ("seen", pa.timestamp("us")),
        ("left", pa.timestamp("us")), ("hobbies", pa.list_(pa.string())),
    ]
)  # fmt: skip
CATALOG = Catalog.model_validate({"contacts": {"model": "people", "attributes": ATTRIBUTES}})


def at(text: str, step: int = 0) -> datetime:
    """A naive UTC time, `step` microseconds later."""
    return datetime.fromisoformat(text) + step * TICK


PEOPLE: dict[str, dict[str, Any]] = {
    "missing": {},
    "london": {"city": "London", "town": "london"},
    "same": {"city": "Bath", "town": "Bath"},
    "half": {"city": "Bath"},
    "empty": {"city": "", "town": "Bath"},
    "quote": {"city": "O'Hare", "town": ""},
    "zero": {"age": 0.0, "children": 0.0},
    "eighteen": {"age": 18.0, "children": 18.0},
    "fraction": {"age": 17.5, "children": 17.5},
    "yes": {"vip": True},
    "no": {"vip": False},
    "leapling": {"born": date(2000, 2, 29)},
    "today": {"born": date(2000, 3, 31)},
    "tomorrow": {"born": date(2000, 4, 1)},
    "new": {"born": date(2024, 3, 31)},
    "week": {"born": date(2024, 3, 24)},
    "now": {"seen": at("2024-03-31T10:00:00")},
    "future": {"seen": at("2024-03-31T10:00:00", 1)},
    "month_in": {"seen": at("2024-02-29T11:00:00", 1)},
    "month_out": {"seen": at("2024-02-29T11:00:00")},
    "month_after": {"seen": at("2024-04-30T10:00:00")},
    "month_beyond": {"seen": at("2024-04-30T10:00:00", 1)},
    "day_before": {"seen": at("2024-03-30T23:00:00", -1)},
    "day_first": {"seen": at("2024-03-30T23:00:00"), "left": at("2024-03-31T21:59:59")},
    "day_last": {"seen": at("2024-03-31T22:00:00", -1), "left": at("2024-03-31T22:00:00")},
    "day_after": {"seen": at("2024-03-31T22:00:00"), "left": at("2024-03-31T22:00:00")},
    "none": {"hobbies": []},
    "null_only": {"hobbies": [None]},
    "chess": {"hobbies": ["Chess", None]},
    "both": {"hobbies": ["chess", "go"]},
}
TEXTS = {"london", "same", "half", "empty", "quote"}
NUMBERS = {"zero", "eighteen", "fraction"}
TIMES = {
    "now", "future", "month_in", "month_out", "month_after", "month_beyond", "day_before", "day_first", "day_last", "day_after",
}  # fmt: skip
EVERYBODY = set(PEOPLE)


def but(*names: str) -> set[str]:
    return EVERYBODY - set(names)


CASES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "text is": ({"attribute": "city", "is": "Bath"}, {"same", "half"}),
    "text is empty": ({"attribute": "city", "is": ""}, {"empty"}),
    "text is_not": ({"attribute": "city", "is_not": "Bath"}, but("same", "half")),
    "text in": ({"attribute": "city", "in": ["London", "O'Hare"]}, {"london", "quote"}),
    "text not_in": ({"attribute": "city", "not_in": ["London", "O'Hare"]}, but("london", "quote")),
    "text ignore_case": ({"attribute": "city", "is": "lONDON", "ignore_case": True}, {"london"}),
    "text gt": ({"attribute": "city", "gt": "Bath"}, {"london", "quote"}),
    "text between": ({"attribute": "city", "between": ["", "Bath"]}, {"same", "half", "empty"}),
    "text contains": ({"attribute": "city", "contains": "on"}, {"london"}),
    "text contains nothing": ({"attribute": "city", "contains": ""}, TEXTS),
    "text not_contains": ({"attribute": "city", "not_contains": "on"}, but("london")),
    "text starts_with": ({"attribute": "city", "starts_with": "Ba"}, {"same", "half"}),
    "text ends_with": ({"attribute": "city", "ends_with": "HARE", "ignore_case": True}, {"quote"}),
    "text matches": ({"attribute": "city", "matches": "^$|'"}, {"empty", "quote"}),
    "text is_set": ({"attribute": "city", "is_set": True}, TEXTS),
    "text is_set false": ({"attribute": "city", "is_set": False}, EVERYBODY - TEXTS),
    "text is_not_set": ({"attribute": "city", "is_not_set": True}, EVERYBODY - TEXTS),
    "number is": ({"attribute": "age", "is": 0}, {"zero"}),
    "number is_not": ({"attribute": "age", "is_not": 18}, but("eighteen")),
    "number in": ({"attribute": "age", "in": [17.5, 18]}, {"fraction", "eighteen"}),
    "number gt": ({"attribute": "age", "gt": 17.5}, {"eighteen"}),
    "number gte": ({"attribute": "age", "gte": 17.5}, {"fraction", "eighteen"}),
    "number lt": ({"attribute": "age", "lt": 17.5}, {"zero"}),
    "number lte": ({"attribute": "age", "lte": 17.5}, {"zero", "fraction"}),
    "number between": ({"attribute": "age", "between": [0, 17.5]}, {"zero", "fraction"}),
    "number is_set": ({"attribute": "age", "is_set": True}, NUMBERS),
    "integer is": ({"attribute": "children", "is": 18}, {"eighteen"}),
    "integer lte": ({"attribute": "children", "lte": 18}, {"zero", "eighteen"}),
    "integer is_not": ({"attribute": "children", "is_not": 18}, but("eighteen")),
    "integer: a fraction is missing": ({"attribute": "children", "is_set": True}, {"zero", "eighteen"}),
    "boolean is": ({"attribute": "vip", "is": True}, {"yes"}),
    "boolean is false": ({"attribute": "vip", "is": False}, {"no"}),
    "boolean is_not": ({"attribute": "vip", "is_not": True}, but("yes")),
    "boolean in": ({"attribute": "vip", "in": [True, False]}, {"yes", "no"}),
    "boolean is_not_set": ({"attribute": "vip", "is_not_set": True}, but("yes", "no")),
    "date is": ({"attribute": "born", "is": "2000-02-29"}, {"leapling"}),
    "date before": ({"attribute": "born", "before": "2000-03-31"}, {"leapling"}),
    "date after": ({"attribute": "born", "after": "2000-04-01"}, {"new", "week"}),
    "date between": ({"attribute": "born", "between": ["2000-02-29", "2000-03-31"]}, {"leapling", "today"}),
    "date within_last": ({"attribute": "born", "within_last": "7 days"}, {"new"}),
    "date within_last, a day more": ({"attribute": "born", "within_last": "8 days"}, {"new", "week"}),
    "date not_within_last": ({"attribute": "born", "not_within_last": "7 days"}, but("new")),
    "date anniversary today": ({"attribute": "born", "anniversary": "today"}, {"today", "new"}),
    "date anniversary soon": ({"attribute": "born", "anniversary": {"within_next": "2 days"}}, {"today", "new", "tomorrow"}),
    "date anniversary in a year": ({"attribute": "born", "anniversary": {"within_next": "1 year"}}, {"today", "new", "tomorrow", "leapling", "week"}),
    "time within_last": ({"attribute": "seen", "within_last": "1 month"}, {"now", "month_in", "day_before", "day_first"}),
    "time not_within_last": ({"attribute": "seen", "not_within_last": "1 month"}, but("now", "month_in", "day_before", "day_first")),
    "time within_last a second": ({"attribute": "seen", "within_last": "1 second"}, {"now"}),
    "time within_next": ({"attribute": "seen", "within_next": "1 month"}, {"future", "month_after", "day_last", "day_after"}),
    "time on a day of 23 hours": ({"attribute": "seen", "on": "2024-03-31"}, {"now", "future", "day_first", "day_last"}),
    "time before a day": ({"attribute": "seen", "before": "2024-03-31"}, {"month_in", "month_out", "day_before"}),
    "time after a day": ({"attribute": "seen", "after": "2024-03-31"}, {"month_after", "month_beyond", "day_after"}),
    "time before a time": ({"attribute": "seen", "before": "2024-02-29T12:00:00+01:00"}, set()),
    "time before a time, later": ({"attribute": "seen", "before": "2024-02-29T11:00:00.000001"}, {"month_out"}),
    "time gte": ({"attribute": "seen", "gte": "2024-04-30T10:00:00Z"}, {"month_after", "month_beyond"}),
    "time anniversary on a local day": ({"attribute": "seen", "anniversary": "today"}, {"now", "future", "day_first", "day_last"}),
    "date on today": ({"attribute": "born", "on": "today"}, {"new"}),
    "date on a day ago": ({"attribute": "born", "on": {"ago": "1 week"}}, {"week"}),
    "date before a day ago": ({"attribute": "born", "before": {"ago": "6 days"}}, {"leapling", "today", "tomorrow", "week"}),
    "date after yesterday": ({"attribute": "born", "after": "yesterday"}, {"new"}),
    "date within this month": ({"attribute": "born", "within": {"this": "month"}}, {"new", "week"}),
    "date within this week": ({"attribute": "born", "within": {"this": "week"}}, {"new"}),
    "date within the last week": ({"attribute": "born", "within": {"last": "week"}}, {"week"}),
    "date within the last 7 days": ({"attribute": "born", "within": {"last": "7 days"}}, {"week"}),
    "date not_within the last 6 days": ({"attribute": "born", "not_within": {"last": "6 days"}}, EVERYBODY),
    "time on today, of 23 hours": ({"attribute": "seen", "on": "today"}, {"now", "future", "day_first", "day_last"}),
    "time on tomorrow": ({"attribute": "seen", "on": "tomorrow"}, {"day_after"}),
    "time on the day of a month ago": ({"attribute": "seen", "on": {"ago": "1 month"}}, {"month_in", "month_out"}),
    "time before yesterday": ({"attribute": "seen", "before": "yesterday"}, {"month_in", "month_out"}),
    "time after today": ({"attribute": "seen", "after": "today"}, {"month_after", "month_beyond", "day_after"}),
    "time on a month ahead": ({"attribute": "seen", "on": {"ahead": "1 month"}}, {"month_after", "month_beyond"}),
    "time within this day": ({"attribute": "seen", "within": {"this": "day"}}, {"now", "future", "day_first", "day_last"}),
    "time within this quarter": ({"attribute": "seen", "within": {"this": "quarter"}}, but("month_after", "month_beyond", "day_after") & TIMES),
    "time within the last month": ({"attribute": "seen", "within": {"last": "month"}}, {"month_in", "month_out"}),
    "time within the last week": ({"attribute": "seen", "within": {"last": "week"}}, set()),
    "time within the next 30 days": ({"attribute": "seen", "within": {"next": "30 days"}}, {"month_after", "month_beyond", "day_after"}),
    "time not_within this year": ({"attribute": "seen", "not_within": {"this": "year"}}, EVERYBODY - TIMES),
    "time is_not_set": ({"attribute": "seen", "is_not_set": True}, EVERYBODY - TIMES),
    "list contains": ({"attribute": "hobbies", "contains": "chess"}, {"both"}),
    "list contains, any case": ({"attribute": "hobbies", "contains": "CHESS", "ignore_case": True}, {"chess", "both"}),
    "list not_contains": ({"attribute": "hobbies", "not_contains": "chess"}, but("both")),
    "list in": ({"attribute": "hobbies", "in": ["go", "Chess"]}, {"chess", "both"}),
    "list not_in": ({"attribute": "hobbies", "not_in": ["go", "Chess"]}, but("chess", "both")),
    "list is_set": ({"attribute": "hobbies", "is_set": True}, {"chess", "both"}),
    "list is_not_set": ({"attribute": "hobbies", "is_not_set": True}, but("chess", "both")),
    "another text": ({"attribute": "city", "is": {"attribute": "town"}}, {"same"}),
    "another text, any case": ({"attribute": "city", "is": {"attribute": "town"}, "ignore_case": True}, {"same", "london"}),
    "not another text": ({"attribute": "city", "is_not": {"attribute": "town"}}, but("same")),
    "contains another text": ({"attribute": "city", "contains": {"attribute": "town"}}, {"same", "quote"}),
    "another number": ({"attribute": "age", "is": {"attribute": "children"}}, {"zero", "eighteen"}),
    "on the day of another time": ({"attribute": "seen", "on": {"attribute": "left"}}, {"day_first", "day_after"}),
    "before another time": ({"attribute": "seen", "before": {"attribute": "left"}}, {"day_first", "day_last"}),
}  # fmt: skip


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The members of a segment per case, all evaluated in one pass."""
    rules = {f"case_{number}": condition for number, (condition, _) in enumerate(CASES.values())}
    rows = [{name: values.get(name) for name in SCHEMA.names} | {"contact_id": who} for who, values in PEOPLE.items()]
    with DuckDBWarehouse(tmp_path_factory.mktemp("operators") / "warehouse.duckdb") as warehouse:
        warehouse.ensure_tables()
        load_table(warehouse, "people", pa.Table.from_pylist(rows, schema=SCHEMA))
        engine = Engine(warehouse, make_specs(CATALOG, rules, "Europe/Berlin"), AS_OF)
        engine.build()
        return engine.memberships()


@pytest.mark.parametrize("name", CASES)
def test_operator(found: dict[str, set[str]], name: str) -> None:
    assert found[f"case_{list(CASES).index(name)}"] == CASES[name][1]
