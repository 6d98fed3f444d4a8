"""The delivery store by itself."""

from __future__ import annotations

from datetime import timedelta, timezone
from pathlib import Path

import pytest

from segflow.errors import InputError, RunError
from segflow.outbox.addresses import allowed, comparable
from segflow.outbox.records import Outcome
from segflow.outbox.store import DeliveryStore

from .conftest import AS_OF, World, planned


def test_insert_ignores_what_is_known(world: World) -> None:
    assert world.store.insert_new(world.lease, [planned(1), planned(2)]) == 2
    assert world.store.insert_new(world.lease, [planned(2, content={"other": 1}), planned(3)]) == 1
    claimed = world.store.claim(world.lease, "mailbox", 10, AS_OF, hand_over=True, repeatable=True)
    assert [(m.message_id, m.attempt, m.due_at) for m in claimed] == [(f"m0000{n}", 1, AS_OF) for n in (1, 2, 3)]
    assert '"other"' not in claimed[1].content


def test_what_is_kept(world: World) -> None:
    """Texts as databases can keep them, times of any offset in UTC, whole numbers, and nothing where nothing is."""
    enrolled = (AS_OF - timedelta(days=1)).astimezone(timezone(timedelta(hours=-5)))
    odd = planned(1, visit=7) | {"enrolled_at": enrolled, "step": "50% :x %(y)s \0 \ud800 \u00fc"}
    none = planned(2) | {"content": None, "enrolled_at": None, "trigger_segment": None}
    assert world.store.insert_new(world.lease, [odd, none, odd]) == 2
    first, second = world.store.claim(world.lease, "mailbox", 9, AS_OF, hand_over=True, repeatable=True)
    assert (first.step, first.visit) == ("50% :x %(y)s \ufffd ? \u00fc", 7)
    assert (first.enrolled_at, first.enrolled_at.utcoffset()) == (enrolled, timedelta(0))
    assert (second.content, second.enrolled_at, second.trigger_segment) == (None, None, None)


def test_a_claim_takes_the_longest_due_first_and_nothing_twice(world: World) -> None:
    rows = [planned(n, planned_at=AS_OF - timedelta(hours=n)) for n in (1, 2, 3)]
    world.store.insert_new(
        world.lease, [*rows, planned(4, planned_at=AS_OF + timedelta(hours=1)), planned(5, sender="x")]
    )

    def claim() -> list[str]:
        found = world.store.claim(world.lease, "mailbox", 2, AS_OF, hand_over=True, repeatable=True)
        return [message.message_id for message in found]

    assert [claim(), claim(), claim()] == [["m00003", "m00002"], ["m00001"], []]
    assert world.store.senders_due(AS_OF) == ["x"]
    assert world.store.next_due("mailbox") == AS_OF + timedelta(hours=1)


@pytest.mark.parametrize(
    ("handed_over", "repeatable", "status", "attempt"),
    [(False, False, "planned", 1), (True, True, "planned", 2), (True, False, "unknown", 0)],
    ids=["not handed over", "idempotent", "in doubt"],
)
def test_what_a_crash_leaves(world: World, handed_over: bool, repeatable: bool, status: str, attempt: int) -> None:
    store, lease = world.store, world.lease
    store.insert_new(lease, [planned(1)])
    store.claim(lease, "mailbox", 1, AS_OF, hand_over=handed_over, repeatable=repeatable)
    assert store.recover(lease, "t2", AS_OF) == (status == "unknown")
    assert store.counts() == {("mailbox", status): 1}
    assert [row["outcome"] for row in store.attempts_of("t2")] == (["unknown"] if status == "unknown" else [])
    again = store.claim(lease, "mailbox", 1, AS_OF, hand_over=False, repeatable=False)
    assert [message.attempt for message in again] == ([attempt] if attempt else [])


def test_settling_twice_is_refused(world: World) -> None:
    store, lease = world.store, world.lease
    store.insert_new(lease, [planned(1)])
    store.claim(lease, "mailbox", 1, AS_OF, hand_over=True, repeatable=True)
    outcome = Outcome(message_id="m00001", attempt=1, outcome="sent", at=AS_OF)
    store.settle(lease, "t1", [outcome])
    with pytest.raises(RunError, match="settled by another process"):
        store.settle(lease, "t1", [outcome])
    assert len(store.attempts_of("t1")) == 1


@pytest.mark.parametrize("location", ["sqlite"], indirect=True)
def test_it_is_durable_as_configured(world: World) -> None:
    with world.store._database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_marks(world: World) -> None:
    store = world.store
    assert store.mark("last_committed_tick") is None
    store.set_mark("last_committed_tick", "t1", world.lease)
    store.set_mark("last_committed_tick", "t2", world.lease)
    assert store.mark("last_committed_tick") == "t2"
    store.set_mark("last_committed_tick", None)
    assert store.mark("last_committed_tick") is None


def test_suppressions(world: World) -> None:
    store = world.store
    store.suppress("email", " Ana@B.example.com ", "bounce")
    store.suppress("email", "ana@b.example.com", "complaint")
    store.suppress("sms", "+44 20 7946 0018", "stop")
    assert store.suppressed("email", ["ANA@b.example.com", "bo@b.example.com"]) == {"ANA@b.example.com": "bounce"}
    assert store.suppressed("sms", ["+442079460018"]) == {"+442079460018": "stop"}
    assert [row["channel"] for row in store.all_suppressions()] == ["email", "sms"]
    assert store.unsuppress("email", "ana@B.example.com")
    assert not store.unsuppress("email", "ana@B.example.com")


@pytest.mark.parametrize("location", ["sqlite"], indirect=True)
def test_a_full_disk_is_told_and_loses_nothing(world: World) -> None:
    world.store.insert_new(world.lease, [planned(1)])
    with world.store._database.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    many = [planned(number, content="x" * 1000) for number in range(2, 100)]
    with pytest.raises(RunError, match=r"delivery\.db cannot be written: database or disk is full\. Nothing of this"):
        world.store.insert_new(world.lease, many)
    assert world.store.counts() == {("mailbox", "planned"): 1}
    with world.store._database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    assert world.store.insert_new(world.lease, many) == 98


@pytest.mark.parametrize("text", ["a\0b", "a\udc80b"], ids=["NUL", "half a surrogate pair"])
def test_an_outcome_is_kept_whatever_the_provider_says(world: World, text: str) -> None:
    world.store.insert_new(world.lease, [planned(1)])
    world.store.claim(world.lease, "mailbox", 1, AS_OF, hand_over=True, repeatable=True)
    said = Outcome(message_id="m00001", attempt=1, outcome="failed", at=AS_OF, reason=text, provider_id=text)
    world.store.settle(world.lease, "t1", [said])
    (row,) = world.store.attempts_of("t1")
    assert (row["outcome"], len(row["reason"])) == ("failed", 3)


LOCATIONS = {
    "another database": ("mysql://host/db", "mysql is not supported; use a path"),
    "in memory": ("sqlite://", "in memory would forget"),
    "no URL": ("::://", "not an SQLAlchemy URL"),
    "a folder": ("{root}", "cannot open the delivery store"),
    "not a database": ("{root}/text", "file is not a database"),
    "below a file": ("{root}/text/delivery.db", "cannot open the delivery store"),
}


@pytest.mark.parametrize(("location", "said"), LOCATIONS.values(), ids=LOCATIONS.keys())
def test_what_cannot_be_opened(tmp_path: Path, location: str, said: str) -> None:
    (tmp_path / "text").write_text("not a database at all" * 100)
    with pytest.raises(InputError, match=said):
        DeliveryStore(location.format(root=tmp_path))


def test_a_later_version_is_refused(tmp_path: Path) -> None:
    with DeliveryStore(tmp_path / "d.db") as store:
        store.set_mark("schema_version", "99")
    with pytest.raises(RunError, match="a later version"):
        DeliveryStore(tmp_path / "d.db")


def test_paths_are_below_the_project(tmp_path: Path) -> None:
    with DeliveryStore.open("deep/er/delivery.db", tmp_path):
        assert (tmp_path / "deep/er/delivery.db").is_file()
    with DeliveryStore.open(f"sqlite:///{tmp_path}/url.db", tmp_path / "other"):
        assert (tmp_path / "url.db").is_file()


ALLOWED = [
    ("email", "ana@ours.example.com", True),
    ("email", "ANA@OURS.EXAMPLE.COM", True),
    ("email", "ana@ours.example.com.evil.org", False),
    ("email", "ana@notours.example.com", False),
    ("email", "Exact@b.example.com", True),
    ("email", "not.exact@b.example.com", False),
    ("sms", "+442079460018", True),
    ("sms", "+442079460019", False),
    ("webhook", "https://a.example.com", True),
    ("webhook", "https://a.example.com/x", True),
    ("webhook", "https://a.example.com?x", True),
    ("webhook", "https://a.example.com.evil.org", False),
    ("webhook", "https://a.example.com@evil.org", False),
    ("webhook", "https://a.example.com:99/", False),
    ("webhook", "http://a.example.com", False),
]


@pytest.mark.parametrize(("channel", "address", "expected"), ALLOWED)
def test_allowlist(channel: str, address: str, expected: bool) -> None:
    entries = ["*@ours.example.com", "exact@b.example.com", "+44 20 7946 0018", "https://a.example.com"]
    assert allowed(entries, channel, address) is expected


@pytest.mark.parametrize("text", ["", "@", "a", "+", "\0", "a@b@c"])
def test_comparable_takes_anything(text: str) -> None:
    assert comparable("email", text) == comparable("email", text.upper())
    comparable("sms", text)
