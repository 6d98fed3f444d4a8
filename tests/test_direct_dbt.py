"""The direct runner of the tests gives what dbt gives: the same scenario, both ways, table by table."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from segflow.warehouse.tables import TABLES
from tests.scenarios.runner import Scenario

SCENARIO: dict[str, Any] = {
    "contacts": {"ana": {"city": "London", "age": 20}, "bob": {"city": "Rome", "age": 30}, "eve": {"age": 40}},
    "events": [
        {
            "contact_id": "ana",
            "name": "purchase",
            "at": datetime.fromisoformat("2026-02-27T12:00:00"),
            "category": "tea",
            "amount": 3,
        }
    ],
    "lists": [{"contact_id": "eve", "name": "news", "added_at": datetime.fromisoformat("2026-02-01T00:00:00")}],
    "segments": {
        "londoners": {"where": {"attribute": "city", "is": "London"}},
        "grown": {"where": {"attribute": "age", "gte": 25}},
        "buyers": {
            "where": {"event": "purchase", "within_last": "3 days", "where": {"property": "category", "is": "tea"}}
        },
        "readers": {"where": {"any": [{"list": "news"}, {"segment": "romans"}]}},
        "romans": "select contact_id from {{ ref('stg_contacts') }} where city = 'Rome'",
    },
    "flows": {
        "hi": {
            "status": "active",
            "trigger": {"any": [{"enters": "londoners"}, {"exits": "buyers"}]},
            "where": {"segment": "grown"},
            "steps": [
                {"id": "list", "add_to_list": "news"},
                {
                    "id": "bought",
                    "branch": {"if": {"event": "visit", "since": "enrollment"}, "then": [{"id": "stop", "exit": True}]},
                },
                {"id": "hello", "send_sms": {"text": "Hello"}},
            ],
        }
    },
    "ticks": [
        {"at": datetime.fromisoformat("2026-03-01T00:00:00"), "crossings": "any"},
        {
            "at": datetime.fromisoformat("2026-03-03T00:00:00"),
            "contacts": {"ana": {"age": 30}, "bob": {"city": "London"}},
            "crossings": "any",
            "messages": ["ana hi.hello", "bob hi.hello"],
        },
        {
            "at": datetime.fromisoformat("2026-03-04T00:00:00"),
            "missing_columns": ["contacts.age"],
            "crossings": "any",
            "faults": {"segments": ["grown"], "flows": ["hi"]},
        },
    ],
}


def test_both_give_the_same_tables(tmp_path: Path) -> None:
    tables = []
    for name, real in (("direct", False), ("dbt", True)):
        (tmp_path / name).mkdir()
        scenario = Scenario(SCENARIO, tmp_path / name, real=real)
        scenario.run()
        scenario.world.close()
        found = scenario.world.ledgers()
        # The two word the same fault differently.
        for table in ("segment_sizes", "segment_state", "flow_cursors"):
            reason = list(TABLES[table].columns).index("reason")
            found[table] = [(*row[:reason], *row[reason + 1 :]) for row in found[table]]
        tables.append(found)
    assert tables[0] == tables[1]
    assert tables[0]["segment_entries"]
    assert tables[0]["outbox"]
