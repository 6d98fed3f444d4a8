"""A provider that knows a message again for a day: what is in doubt for longer is not handed over again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from segflow.errors import AmbiguousError, ConfigurationError, PermanentError, TransientError
from segflow.outbox.schema import doubts, messages

from .conftest import World, contact, planned
from .test_send import Scripted, outcomes

DAY = 24 * 3600.0


class Forgetful(Scripted):
    """Idempotent for a day."""

    idempotent_for = DAY

    def __init__(self, *script: BaseException | None) -> None:
        super().__init__(*script, idempotent=True)  # type: ignore[arg-type]


def in_doubt(world: World) -> list[str]:
    with world.store._database.read() as connection:
        return sorted(connection.scalars(select(doubts.c.message_id)))


def pass_hours(world: World, hours: float) -> None:
    """The doubts are so much older, and what is held is due."""
    with world.store._database.write("test") as connection:
        for row in connection.execute(select(doubts)).all():
            older = row.since - timedelta(hours=hours)
            connection.execute(update(doubts).where(doubts.c.message_id == row.message_id).values(since=older))
        connection.execute(update(messages).where(messages.c.status == "held").values(due_at=messages.c.planned_at))


@pytest.fixture
def one(world: World) -> World:
    world.delivery(mode="live", max_lateness="1000 years", max_attempts=9)
    world.contacts([contact(1)])
    world.plan([planned(1, sender="live")])
    return world


HOURS = {
    "at once": (0, "sent"),
    "after 23 hours": (23, "sent"),
    "just before the end": (23.9, "unknown"),
    "after two days": (48, "unknown"),
}


@pytest.mark.parametrize(("hours", "outcome"), HOURS.values(), ids=HOURS)
def test_what_is_in_doubt_is_repeated_for_a_day(one: World, hours: float, outcome: str) -> None:
    sender = Forgetful(AmbiguousError("timeout"))
    one.send({"live": sender})
    assert (outcomes(one)[-1][2], in_doubt(one)) == ("held", ["m00001"])
    pass_hours(one, hours)
    one.send({"live": sender})
    assert outcomes(one)[-1][2] == outcome
    assert len(sender.got) == (2 if outcome == "sent" else 1)
    if outcome == "unknown":
        assert str(outcomes(one)[-1][3]).startswith("in doubt since 20")
    else:
        assert in_doubt(one) == []


def test_the_first_doubt_counts(one: World) -> None:
    """A later attempt, refused or in doubt itself, does not make it younger."""
    sender = Forgetful(AmbiguousError("timeout"), TransientError("429"), AmbiguousError("timeout"))
    for hours in (10, 10, 10):
        one.send({"live": sender})
        pass_hours(one, hours)
    one.send({"live": sender})
    assert [row[2] for row in outcomes(one)] == ["held", "held", "held", "unknown"]
    assert len(sender.got) == 3


def test_what_was_refused_for_now_is_in_no_doubt(one: World) -> None:
    sender = Forgetful(TransientError("429"))
    one.send({"live": sender})
    assert in_doubt(one) == []
    pass_hours(one, 100)
    one.send({"live": sender})
    assert [row[2] for row in outcomes(one)] == ["held", "sent"]


def test_what_was_not_handed_over_is_in_no_doubt(one: World) -> None:
    sender = Forgetful(ConfigurationError("the key is wrong"), PermanentError("never"))
    one.send({"live": sender})
    assert (outcomes(one), in_doubt(one)) == ([], [])
    one.send({"live": sender})
    assert (outcomes(one)[-1][2], in_doubt(one)) == ("failed", [])


def test_an_interrupted_message_is_in_doubt(one: World) -> None:
    sender = Forgetful(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        one.send({"live": sender})
    assert in_doubt(one) == ["m00001"]
    pass_hours(one, 48)
    one.send({"live": sender})
    assert [row[2] for row in outcomes(one)] == ["unknown"]


def test_a_person_who_releases_ends_the_doubt(one: World) -> None:
    sender = Forgetful(AmbiguousError("timeout"), AmbiguousError("timeout"))
    one.send({"live": sender})
    pass_hours(one, 48)
    one.send({"live": sender})
    assert one.store.release() == 1
    one.send({"live": sender})
    assert [row[2] for row in outcomes(one)] == ["held", "unknown", "released", "held"]
    pass_hours(one, 0)
    one.send({"live": sender})
    assert outcomes(one)[-1][2] == "sent"


def test_a_sender_that_never_forgets_writes_nothing_down(one: World) -> None:
    sender = Scripted(AmbiguousError("timeout"), idempotent=True)
    one.send({"live": sender})
    assert in_doubt(one) == []
