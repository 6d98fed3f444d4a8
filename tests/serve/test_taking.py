"""What a tick makes of the spool."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from segflow.crashpoints import watched
from segflow.outbox.lease import held_lease
from segflow.outbox.provider_events import Answer
from segflow.outbox.spool import Call, LinkUse, Record, Spool, line_of
from segflow.outbox.store import DeliveryStore
from tests.serve.caller import body_of, event
from tests.serve.shop import START, messages, shop, suppressed, told
from tests.world import World

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def call(*events: dict[str, Any], body: bytes | None = None, sender: str = "caller") -> Call:
    content = body_of(events) if body is None else body
    return Call(sender=sender, method="POST", url="https://x/", headers={}, body=content, received_at=NOON)


def use(kind: Any, contact: str, message: str = "none", channel: str = "email", at: datetime = NOON) -> LinkUse:
    return LinkUse(kind=kind, message_id=message, contact_id=contact, channel=channel, received_at=at)


def lived(root: Path) -> World:
    world = shop(root)
    assert world.tick(START, send=True).sent.total("sent") == 4
    return world


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.again(lived, tmp_path / "world")


def spool_of(world: World) -> Spool:
    spool = world.project.spool
    assert spool is not None
    spool.prepare()
    return spool


def after(world: World, *groups: Sequence[Record]) -> World:
    """A tick after each group was spooled."""
    for number, group in enumerate(groups, 1):
        spool_of(world).write(group)
        world.tick(START + timedelta(minutes=number))
    return world


def test_events_become_message_events_once(world: World) -> None:
    ids = messages(world)
    records = [
        call(event("delivered", 1, message_id=ids["ana"]), event("opened", 2, message_id=ids["ana"])),
        call(event("delivered", 3, provider_id=f"p-{ids['ben']}")),
        call(event("delivered", 1, message_id=ids["ana"])),
        call(event("delivered", 4, message_id="of somebody else"), event("clicked", 5, provider_id="nobody's")),
        call(event("failed", 6, message_id=ids["cleo"])),
        call(event("bounced", 7, provider_id=f"p-{ids['dan']}", suppress=True)),
    ]
    spool_of(world).write(records)
    report = world.tick(START + timedelta(minutes=1))
    answers = report.answers
    assert (answers.records, answers.new, answers.repeated, answers.unmatched) == (6, 7, 1, 2)
    assert told(world) == [
        ("ana", "delivered"),
        ("ana", "opened"),
        ("ben", "delivered"),
        ("cleo", "failed"),
        ("dan", "bounced"),
    ]
    assert suppressed(world) == {"email:dan@shop.example": "bounced"}
    assert spool_of(world).files() == []
    spool_of(world).write(records)
    assert world.tick(START + timedelta(minutes=2)).answers.new == 0
    assert len(told(world)) == 5
    world.check_replay()


BY = "sms:+442079460000"
SUPPRESSIONS: dict[str, tuple[list[list[tuple[str, int]]], dict[str, str]]] = {
    "a hard bounce": ([[("bounced!", 0)]], {BY: "bounced"}),
    "a soft bounce": ([[("bounced", 0)]], {}),
    "a complaint": ([[("complained!", 0)]], {BY: "complained"}),
    "stop": ([[("unsubscribed!", 0)]], {BY: "unsubscribed"}),
    "stop, then start": ([[("unsubscribed!", 0)], [("subscribed", 1)]], {}),
    "stop, then start, told at once": ([[("subscribed", 1), ("unsubscribed!", 0)]], {}),
    "start, told before the stop that came earlier": ([[("subscribed", 1)], [("unsubscribed!", 0)]], {}),
    "stop, told after an earlier start": ([[("subscribed", 0)], [("unsubscribed!", 1)]], {BY: "unsubscribed"}),
    "both at one moment": ([[("unsubscribed!", 0), ("subscribed", 0)]], {BY: "unsubscribed"}),
    "start after a bounce": ([[("bounced!", 0)], [("subscribed", 1)]], {BY: "bounced"}),
    "stop, a complaint, start": (
        [[("unsubscribed!", 0)], [("complained!", 1)], [("subscribed", 2)]],
        {BY: "complained"},
    ),
    "a complaint and stop at once, then start": (
        [[("unsubscribed!", 0), ("complained!", 0)], [("subscribed", 1)]],
        {BY: "complained"},
    ),
}
"""Groups of (kind, hour), `!` with suppress -> the suppressions after them."""


@pytest.mark.parametrize("name", SUPPRESSIONS)
def test_suppressions(tmp_path: Path, name: str) -> None:
    groups, expected = SUPPRESSIONS[name]
    numbers = count()
    taken = [
        [
            Answer(
                source="caller",
                event_id=str(next(numbers)),
                kind=kind.rstrip("!"),
                at=NOON + timedelta(hours=hour),
                channel="sms",
                addresses=("+44 20 7946 0000",),
                suppress=kind.endswith("!"),
            )
            for kind, hour in group
        ]
        for group in groups
    ]
    with DeliveryStore(tmp_path / "delivery.db") as store, held_lease(store.leases, "test") as lease:
        for answers in [*taken, *taken, taken[0]]:  # and told again
            store.provider_events.take(lease, answers)
        assert {f"{row['channel']}:{row['address']}": row["reason"] for row in store.all_suppressions()} == expected


def test_links(world: World) -> None:
    ids = messages(world)
    uses = [
        use("unsubscribed", "ana", ids["ana"]),
        use("unsubscribed", "ana", ids["ana"], at=NOON + timedelta(minutes=1)),
        use("unsubscribed", "ben", "a message that is lost", "sms"),
        use("unsubscribed", "cleo", ids["cleo"]),
        use("subscribed", "cleo", ids["cleo"], at=NOON + timedelta(minutes=1)),
        use("opened", "dan", ids["dan"]),
        use("opened", "dan", ids["dan"], at=NOON + timedelta(minutes=1)),
        use("unsubscribed", "nobody", "nothing"),
    ]
    after(world, uses)
    assert suppressed(world) == {"email:ana@shop.example": "unsubscribed", "sms:+442079460001": "unsubscribed"}
    assert told(world) == [
        ("ana", "unsubscribed"), ("cleo", "subscribed"), ("cleo", "unsubscribed"), ("dan", "opened"), ("dan", "opened"),
    ]  # fmt: skip


UNREADABLE: list[tuple[Record | bytes, str]] = [
    (b"0" * 64 + b' {"type": "Call"}', "the checksum is wrong: the file was damaged"),
    (b"\x00\xff\x00", "the checksum is wrong: the file was damaged"),
    (call(body=b"{"), "sender caller: not the JSON of this provider"),
    (call(body=b'[{"at": "2026-01-01", "x": 1}]'), "sender caller fails to read it: TypeError"),
    (call(sender="old"), "segflow.yml has no sender old any more"),
]


def test_what_cannot_be_read_is_laid_aside(world: World) -> None:
    spool, ana = spool_of(world), messages(world)["ana"]
    lines = [one + b"\n" if isinstance(one, bytes) else line_of(one) for one, _ in UNREADABLE]
    spool.folder.joinpath("1.spool").write_bytes(b"".join(lines))
    spool.write([call(event("delivered", 1, message_id=ana))])
    report = world.tick(START + timedelta(minutes=1))
    assert told(world) == [("ana", "delivered")]
    laid = {path.name: path for path in spool.refused.iterdir()}
    assert sorted(laid) == [f"1-{number}.spool" for number in range(1, 6)]
    for number, (_, why) in enumerate(UNREADABLE, 1):
        assert laid[f"1-{number}.spool"].read_bytes() == b"# " + why.encode() + b"\n" + lines[number - 1]
    first = f"{laid['1-1.spool']}: {UNREADABLE[0][1]}"
    assert report.warnings == [f"5 records that came from outside could not be read. The first: {first}"]
    assert spool.files() == []
    assert report.errors == []


def test_what_was_laid_aside_can_be_moved_back(world: World) -> None:
    spool = spool_of(world)
    path = spool.write([call(event("delivered", 1, message_id=messages(world)["ana"]))])
    (line,) = spool.lines(path)
    laid = spool.refuse(path, line, "the sender\nwas not there")
    spool.remove([path])
    laid.rename(spool.folder / laid.name)
    world.tick(START + timedelta(minutes=1))
    assert told(world) == [("ana", "delivered")]


class Killed(BaseException):
    pass


def test_a_tick_that_dies_anywhere_takes_each_once(world: World) -> None:
    """The places between durable operations of taking in, each of them once."""
    ids = messages(world)

    def groups() -> None:
        spool = spool_of(world)
        spool.write([call(event("delivered", 1, message_id=ids["ana"])), call(body=b"{")])
        spool.write([call(event("unsubscribed", 2, message_id=ids["ben"], suppress=True))])
        spool.write([use("unsubscribed", "cleo", ids["cleo"])])

    places: list[str] = []
    groups()
    with watched(places.append):
        world.tick(START + timedelta(minutes=1))
    mine = [place for place in places if place.startswith(("store.provider_events", "spool"))]
    assert len(mine) == 5  # before and after the commit, and three files
    once = (told(world), suppressed(world))
    for number, _ in enumerate(mine):
        left = iter(range(number + 1))

        def die(place: str, left: Any = left, number: int = number) -> None:
            if place.startswith(("store.provider_events", "spool")) and next(left) == number:
                raise Killed

        groups()
        moment = START + timedelta(minutes=2 + number)
        with pytest.raises(Killed), watched(die):
            world.tick(moment)
        assert world.tick(moment).resumed
        assert spool_of(world).files() == []
        assert len(list(spool_of(world).refused.iterdir())) == 2 + number
        # The events of links are new each time they are used, but one of their message.
        assert (told(world), suppressed(world)) == once


def test_a_plan_takes_nothing(world: World) -> None:
    spool_of(world).write([call(event("delivered", 1, message_id=messages(world)["ana"]))])
    notes = world.project.plan(START + timedelta(minutes=1)).notes
    waits = f"what came back and waits in {spool_of(world).folder} (1 files) is not in this plan; a tick takes it in"
    assert waits in notes
    assert len(spool_of(world).files()) == 1


def test_writers_at_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.prepare()

    def write(number: int) -> None:
        for _ in range(20):
            spool.write([call(event("delivered", number))])

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(spool.files()) == 80
    assert {path.stat().st_mode & 0o777 for path in spool.files()} == {0o600}
    assert spool.folder.stat().st_mode & 0o777 == 0o700


def test_no_folder_no_work(tmp_path: Path) -> None:
    world = shop(tmp_path / "world")
    world.tick(START)
    assert Spool(world.project.spool_path).files() == []
    assert not world.project.spool_path.exists()
