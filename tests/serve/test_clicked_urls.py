"""Which link was clicked: from what providers tell to conditions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from segflow.durations import Duration
from segflow.outbox.links import LONGEST, Links, clicked_url
from segflow.outbox.message_events import MessageEvent
from segflow.outbox.schema import SCHEMA_VERSION
from segflow.outbox.spool import Call, LinkUse, line_of
from segflow.outbox.store import DeliveryStore
from tests.serve.caller import body_of, event
from tests.serve.shop import LINK_SECRET, START, messages, shop
from tests.world import World

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TEA = "https://shop.example/tea?utm_source=shop&who=ana"
BASE = "https://links.shop.example"
RULES: dict[str, Any] = {
    "tea": {"message": "clicked", "flow": "welcome", "url": {"starts_with": "https://shop.example/tea"}},
    "twice": {"message": "clicked", "url": {"contains": "/TEA", "ignore_case": True}, "count": {"gte": 2}},
    "other": {"message": "clicked", "url": {"not_contains": "/tea"}},
    "no_other": {"not": {"message": "clicked", "url": {"not_contains": "/tea"}}},
}


def links(days: str = "180 days") -> Links:
    return Links(BASE, [LINK_SECRET], Duration.parse(days))


def made(purpose: Any, url: str | None = None, days: str = "180 days") -> str:
    told = {"message_id": "m1", "contact_id": "ana", "channel": "email", "flow": "welcome", "planned_at": START}
    return links(days).make(purpose, url=url, **told)  # type: ignore[arg-type]


SHOWN: dict[str, tuple[str | None, str | None]] = {
    "as it is": (TEA, TEA),
    "none": (None, None),
    "our own around it": (made("clicked", TEA), TEA),
    "our own that has expired": (made("clicked", TEA, "1 minute"), TEA),
    "our own that was changed": (f"{made('clicked', TEA)}x", f"{BASE}/c/"),
    "to unsubscribe": (made("unsubscribe"), f"{BASE}/unsubscribe/"),
    "to the preferences": (f"{made('unsubscribe')}/preferences", f"{BASE}/unsubscribe/"),
    "another page there": (f"{BASE}/about", f"{BASE}/about"),
    "without an end": (f"{TEA}{'x' * LONGEST}", None),
}


@pytest.mark.parametrize(("url", "kept"), SHOWN.values(), ids=SHOWN)
def test_what_is_kept_of_a_url(url: str | None, kept: str | None) -> None:
    assert clicked_url(links(), url) == kept


def test_without_links_of_our_own_it_is_kept_as_it_is() -> None:
    assert clicked_url(None, made("unsubscribe")) == made("unsubscribe")


def lived(root: Path) -> World:
    world = shop(root)
    for name, where in RULES.items():
        world.segment(name, {"where": where})
    assert world.tick(START, send=True).sent.total("sent") == 4
    return world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.again(lived, tmp_path / "world")
    yield made
    made.close()


def members(world: World) -> dict[str, set[str]]:
    rows = world.rows("SELECT segment, contact_id FROM segflow.segment_members WHERE segment <> 'londoners'")
    return {name: {row["contact_id"] for row in rows if row["segment"] == name} for name in RULES}


def test_from_the_call_to_a_segment(world: World) -> None:
    ids = messages(world)
    calls = [
        event("clicked", 1, message_id=ids["ana"], url=TEA),
        event("clicked", 2, message_id=ids["ana"], url=made("clicked", "https://shop.example/Tea/green")),
        event("clicked", 3, message_id=ids["ben"], url=made("unsubscribe")),
        event("clicked", 4, message_id=ids["cleo"]),
        event("opened", 5, message_id=ids["dan"], url=TEA),
        event("clicked", 6, provider_id="later", url=TEA),
    ]
    spool = world.project.spool
    assert spool is not None
    spool.prepare()
    call = Call(sender="caller", method="POST", url="https://x/", headers={}, body=body_of(calls), received_at=NOON)
    use = LinkUse(kind="clicked", message_id=ids["dan"], contact_id="dan", channel="email", received_at=NOON, url=TEA)
    spool.write([call, use])
    world.tick(START + timedelta(minutes=1))
    kept = world.rows("SELECT contact_id, kind, url FROM segflow.message_events ORDER BY ALL")
    assert [tuple(row.values()) for row in kept] == [
        ("ana", "clicked", "https://shop.example/Tea/green"),
        ("ana", "clicked", TEA),
        ("ben", "clicked", f"{BASE}/unsubscribe/"),
        ("cleo", "clicked", None),
        ("dan", "clicked", TEA),
        ("dan", "opened", None),
    ]
    found = members(world)
    # One message is one, however many of its links are clicked.
    assert found == {"tea": {"ana", "dan"}, "twice": set(), "other": {"ana", "ben", "cleo"}, "no_other": {"dan"}}
    # What was told of a message before it was known keeps the link.
    with world.project.store._database.write("test") as connection:
        waits = connection.execute(sqlalchemy.text("SELECT url FROM unmatched_events")).scalars().all()
    assert waits == [TEA]
    world.check_replay()


def test_what_python_records_has_it_for_clicks_alone(world: World) -> None:
    ids = messages(world)
    told = [
        MessageEvent(message_id=ids["ana"], kind=kind, at=NOON, url=TEA)  # type: ignore[arg-type]
        for kind in ("clicked", "opened")
    ]
    assert world.project.store.message_events.record(told) == 2
    assert {(row["kind"], row["url"]) for row in world.project.store.message_events.waiting()} == {
        ("clicked", TEA), ("opened", None),
    }  # fmt: skip


def test_a_line_of_the_spool_names_what_it_has_alone() -> None:
    """A segflow of before reads the others."""
    use = {"kind": "opened", "message_id": "m", "contact_id": "ana", "channel": "email", "received_at": NOON}
    assert b"url" not in line_of(LinkUse(**use))  # type: ignore[arg-type]
    assert b'"url": "https' in line_of(LinkUse(**{**use, "kind": "clicked", "url": TEA}))  # type: ignore[arg-type]


def test_a_store_of_before_gets_the_columns(tmp_path: Path) -> None:
    with DeliveryStore(tmp_path / "d.db") as store, store._database.write("old") as connection:
        for table in ("message_events", "unmatched_events"):
            connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN url")
        connection.exec_driver_sql(
            "INSERT INTO message_events (message_id, kind, event_key, at, recorded_at) "
            "VALUES ('m1', 'clicked', 'e1', 1, 1)"
        )
        connection.exec_driver_sql("UPDATE marks SET value = '11' WHERE name = 'schema_version'")
    with DeliveryStore(tmp_path / "d.db") as store, store._database.read() as connection:
        assert store.mark("schema_version") == str(SCHEMA_VERSION)
        assert connection.exec_driver_sql("SELECT url FROM unmatched_events").all() == []
        assert connection.exec_driver_sql("SELECT message_id, url FROM message_events").all() == [("m1", None)]
