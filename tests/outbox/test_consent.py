# ruff: noqa: E501 (tables: one case per line)
"""Who agreed to what: by category and channel, confirmed or not, by topic; and what contacts said since."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from segflow.outbox.adopt import adopt
from segflow.outbox.consent import Consents
from segflow.outbox.consent_changes import ConsentChange
from segflow.outbox.store import DeliveryStore
from segflow.specs.catalog import Catalog
from segflow.specs.project import Specs
from segflow.specs.settings import Settings

from .conftest import AS_OF, World, contact, planned

BOTH = {"marketing": "agreed", "transactional": "accepts"}
NEWS = {
    "news": {"default": "opted_in", "attribute": "wants_news"},
    "tips": {"default": "opted_out", "attribute": "wants_tips"},
}


def change(state: str, days: float = 0, **about: str) -> ConsentChange:
    told: dict[str, Any] = {
        "contact_id": "ana",
        "state": state,
        "at": AS_OF + timedelta(days=days),
        "source": "page",
        **about,
    }
    return ConsentChange(**told)


CASES: dict[str, tuple[Any, Mapping[str, Any], tuple[str, str | None], list[ConsentChange], str | None]] = {
    # what the channel says, the contact, (category, topic), what it said since, the reason
    "nothing is asked": ({}, {}, ("marketing", None), [], None),
    "agreed": ({"consent": "agreed"}, {"agreed": True}, ("marketing", None), [], None),
    "not agreed": ({"consent": "agreed"}, {"agreed": False}, ("marketing", None), [], "no_consent"),
    "nothing known": ({"consent": "agreed"}, {}, ("marketing", None), [], "no_consent"),
    "transactional needs none": ({"consent": "agreed"}, {}, ("transactional", None), [], None),
    "by category, marketing": ({"consent": BOTH}, {"agreed": True}, ("marketing", None), [], None),
    "by category, transactional": ({"consent": BOTH}, {"agreed": True}, ("transactional", None), [], "no_consent"),
    "by category, accepted": ({"consent": BOTH}, {"accepts": True}, ("transactional", None), [], None),
    "confirmed, boolean": ({"double_opt_in": "proof"}, {"proof": True}, ("marketing", None), [], None),
    "not confirmed, boolean": ({"double_opt_in": "proof"}, {"proof": False}, ("marketing", None), [], "not_confirmed"),
    "not confirmed, nothing": ({"double_opt_in": "proof"}, {}, ("marketing", None), [], "not_confirmed"),
    "confirmed, text": ({"double_opt_in": "proof"}, {"proof": " Confirmed"}, ("marketing", None), [], None),
    "not confirmed, text": ({"double_opt_in": "proof"}, {"proof": "pending"}, ("marketing", None), [], "not_confirmed"),
    "confirmed, time": ({"double_opt_in": "proof"}, {"proof": AS_OF}, ("marketing", None), [], None),
    "the mail that asks for it": ({"double_opt_in": "proof"}, {}, ("transactional", None), [], None),
    "consent comes first": ({"consent": "agreed", "double_opt_in": "proof"}, {}, ("marketing", None), [], "no_consent"),
    "topic, in by default": ({}, {}, ("marketing", "news"), [], None),
    "topic, said no": ({}, {"wants_news": False}, ("marketing", "news"), [], "no_consent: topic news"),
    "topic, out by default": ({}, {}, ("marketing", "tips"), [], "no_consent: topic tips"),
    "topic, said yes": ({}, {"wants_tips": True}, ("marketing", "tips"), [], None),
    "topic that is gone": ({}, {}, ("marketing", "old"), [], "no_consent: topic old"),
    "topic of something transactional": ({}, {}, ("transactional", "tips"), [], "no_consent: topic tips"),
    "no since": ({"consent": "agreed"}, {"agreed": True}, ("marketing", None), [change("opted_out")], "no_consent: opted out at page"),
    "yes since": ({"consent": "agreed"}, {"agreed": False}, ("marketing", None), [change("opted_in")], None),
    "no, then yes": ({"consent": "agreed"}, {}, ("marketing", None), [change("opted_in", 1), change("opted_out")], None),
    "yes and no at once": ({}, {}, ("marketing", None), [change("opted_in"), change("opted_out")], "no_consent: opted out at page"),
    "no to this channel": ({}, {}, ("marketing", None), [change("opted_out", channel="email")], "no_consent: opted out at page"),
    "no to another channel": ({}, {}, ("marketing", None), [change("opted_out", channel="sms")], None),
    "no to marketing": ({}, {}, ("transactional", None), [change("opted_out", category="marketing")], None),
    "no to all": ({}, {}, ("transactional", None), [change("opted_out")], "no_consent: opted out at page"),
    "no to the topic since": ({}, {"wants_news": True}, ("marketing", "news"), [change("opted_out", topic="news")], "no_consent: topic news"),
    "yes to the topic since": ({}, {}, ("marketing", "tips"), [change("opted_in", topic="tips")], None),
    "no to another topic": ({}, {}, ("marketing", "news"), [change("opted_out", topic="tips")], None),
    "no to the topic on another channel": ({}, {}, ("marketing", "news"), [change("opted_out", topic="news", channel="sms")], None),
    "yes to the topic is no yes to the channel": ({"consent": "agreed"}, {}, ("marketing", "tips"), [change("opted_in", topic="tips")], "no_consent"),
    "what another said": ({}, {}, ("marketing", None), [ConsentChange(contact_id="bob", state="opted_out", at=AS_OF, source="page")], None),
}  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with DeliveryStore(tmp_path_factory.mktemp("consent") / "delivery.db") as store:
        yield store


@pytest.mark.parametrize(("spec", "person", "message", "said", "expected"), CASES.values(), ids=CASES)
def test_who_may_be_written_to(
    store: DeliveryStore,
    tmp_path: Any,
    spec: Any,
    person: Mapping[str, Any],
    message: tuple[str, str | None],
    said: list[ConsentChange],
    expected: str | None,
) -> None:
    catalog = Catalog.model_validate({
        "contacts": {"model": "customers", "channels": {"email": {"address": "email", **spec}}}, "topics": NEWS,
    })  # fmt: skip
    store.consent_changes.record(said)
    consents = Consents(Specs(tmp_path, Settings(), catalog), store)
    consents.look(["ana"])
    assert consents.refusal({"contact_id": "ana", **person}, "email", *message, "welcome") == expected
    with store._database.write("forget") as connection:
        connection.exec_driver_sql("DELETE FROM consent_changes")


def test_what_a_contact_said_holds_at_once_and_is_in_the_way_of_that_channel_alone(world: World) -> None:
    world.contacts([contact(1)])
    said = ConsentChange(contact_id="c1", state="opted_out", at=AS_OF, source="unsubscribe_page", channel="email")
    world.store.consent_changes.record([said])
    ways = [{"channel": "email", "sender": None, "content": {"subject": "x", "text": "x"}}, {"channel": "sms", "sender": None, "content": {"text": "x"}}]  # fmt: skip
    world.plan([planned(1), planned(2, contact_id="c1", content={"ways": ways})])
    world.send()
    assert [(row["message_id"], row["channel"], row["outcome"], row["reason"]) for row in world.deliveries()] == [
        ("m00001", "email", "skipped", "no_consent: opted out at unsubscribe_page"),
        ("m00002", "sms", "sent", "instead of email no_consent: opted out at unsubscribe_page"),
    ]


def test_a_tick_books_changes_once_and_a_lost_store_gets_them_back(world: World) -> None:
    from segflow.outbox.deliveries import as_table

    world.store.consent_changes.record([change("opted_out"), change("opted_in", 1, topic="news")])
    rows = world.store.consent_changes.adopt(world.lease, "t1")
    assert [(row["state"], row["topic"]) for row in rows] == [("opted_out", None), ("opted_in", "news")]
    assert world.store.consent_changes.adopt(world.lease, "t1") == rows
    assert world.store.consent_changes.adopt(world.lease, "t2") == []
    world.warehouse.append("consent_changes", "t1", as_table("consent_changes", rows))
    kept = world.store.consent_changes.of(["ana"])
    with world.store._database.write("lose") as connection:
        connection.exec_driver_sql("DELETE FROM consent_changes")
    adopt(world.warehouse, world.store, world.lease)
    assert world.store.consent_changes.of(["ana"]) == kept
    assert world.store.consent_changes.adopt(world.lease, "t3") == []
