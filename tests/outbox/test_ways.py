"""Messages that may go by several channels, categories, and what SMS end with."""

from __future__ import annotations

import json
from typing import Any, get_args, get_type_hints

import pytest

from segflow.messages import CHANNEL_TABLE, CHANNELS, CONTACT_CHANNELS, AnyMessage
from segflow.outbox.contents import WRITERS, with_footer
from segflow.specs.catalog import Channels
from segflow.specs.settings import DefaultSenders, Settings

from .conftest import World, contact, later, planned
from .test_send import Scripted, outcomes

EMAIL = {"channel": "email", "content": {"subject": "Hi", "text": "Hello"}}
SMS = {"channel": "sms", "content": {"text": "Hello"}}
WHATSAPP = {"channel": "whatsapp", "content": {"template": "hello", "language": "en", "variables": []}}


def ways(*listed: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"ways": list(listed), **more}


CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str, str | None]] = {
    "the first": (ways(EMAIL, SMS), {}, "email", None),
    "no address": (ways(EMAIL, SMS), {"email": None}, "sms", "instead of email no_address"),
    "no consent": (ways(EMAIL, SMS), {"agreed": False}, "sms", "instead of email no_consent"),
    "suppressed": (ways(EMAIL, SMS), {"email": "b@x.example.com"}, "sms", "instead of email suppressed: bounce"),
    "wrong address": (ways(EMAIL, SMS), {"email": "nobody"}, "sms", "instead of email invalid_address: "),
    "transactional needs no consent": (ways(EMAIL, SMS, category="transactional"), {"agreed": False}, "email", None),
    "back to email": (ways(SMS, EMAIL), {"phone": None}, "email", "instead of sms no_address"),
    "what the contact likes": (ways(EMAIL, SMS, contact_first=True), {"name": "sms"}, "sms", None),
    "liked, not usable": (
        ways(EMAIL, SMS, contact_first=True),
        {"name": "SMS ", "phone": "12"},
        "email",
        "instead of sms invalid_address: ",
    ),
    "likes none": (ways(EMAIL, {**SMS, "only_default": True}, contact_first=True), {"name": "pigeon"}, "email", None),
}


@pytest.mark.parametrize(("content", "person", "channel", "note"), CASES.values(), ids=CASES.keys())
def test_the_first_usable_channel_is_taken(
    world: World, content: dict[str, Any], person: dict[str, Any], channel: str, note: str | None
) -> None:
    world.store.suppress("email", "b@x.example.com", "bounce")
    world.contacts([contact(1, **person)])
    world.liked = "name"
    world.plan([planned(1, channel=content["ways"][0]["channel"], content=content)])
    assert world.send().total("sent") == 1
    [row] = world.deliveries()
    assert row["channel"] == channel
    assert (row["reason"] or "").startswith(note or "") and (row["reason"] is None) == (note is None)  # noqa: PT018
    assert world.send(tick=later(days=1)).outcomes == {}


def test_nobody_to_reach_says_why_for_each_channel(world: World) -> None:
    world.contacts([contact(1, email=None, phone="12")])
    world.plan([planned(1, content=ways(EMAIL, SMS))])
    world.send()
    [(_, _, outcome, reason)] = outcomes(world)
    assert outcome == "skipped"
    assert str(reason).startswith("no_channel: email no_address; sms invalid_address: ")


def test_each_channel_has_the_queue_of_its_sender(world: World) -> None:
    text, mail = (Scripted(simulated=True) for _ in range(2))
    world.settings = Settings.model_validate({"delivery": {"mode": "live"}, "default_senders": {"sms": "console"}})
    world.contacts([contact(1, email=None), contact(2)])
    world.plan([planned(n, sender="mail", content=ways({**EMAIL, "sender": "mail"}, SMS)) for n in (1, 2)])
    report = world.send({"console": text, "mail": mail})
    assert (text.got, mail.got) == (["m00001"], ["m00002"])
    assert report.outcomes == {"mail": {"sent": 1}, "console": {"sent": 1}}
    assert [(row["sender"], row["attempt"]) for row in world.deliveries()] == [("console", 1), ("mail", 1)]


def test_what_was_tried_on_a_channel_stays_there(world: World) -> None:
    """It may have arrived: the same words by another channel would be a second message."""
    from segflow.errors import TransientError

    mail = Scripted(TransientError("later"), idempotent=True, simulated=True)
    world.contacts([contact(1)])
    world.plan([planned(1, sender="mail", content=ways({**EMAIL, "sender": "mail"}, SMS))])
    world.send({"mail": mail})
    world.contacts([contact(1, agreed=False)])
    world.send({"mail": mail}, later(hours=1))
    assert outcomes(world)[1][2:] == ("skipped", "no_consent")


FOOTERS = {
    "marketing": ({"text": "Hello"}, "Hello\nReply STOP to opt out."),
    "said so": ({"text": "Hello", "category": "marketing"}, "Hello\nReply STOP to opt out."),
    "transactional": ({"text": "Hello", "category": "transactional"}, "Hello"),
    "not wanted": ({"text": "Hello", "opt_out_footer": False}, "Hello"),
    "wanted": (
        {"text": "Hello", "category": "transactional", "opt_out_footer": True},
        "Hello\nReply STOP to opt out.",
    ),
    "in the text already": ({"text": "Hello. Reply stop  to opt out"}, "Hello. Reply stop  to opt out"),
}


@pytest.mark.parametrize(("content", "text"), FOOTERS.values(), ids=FOOTERS.keys())
def test_the_opt_out_footer(world: World, content: dict[str, Any], text: str) -> None:
    world.contacts([contact(1)])
    world.plan([planned(1, channel="sms", content={**content, "sender_id": "SHOP", "campaign": "tea"})])
    world.send()
    [file] = world.files()
    sent = json.loads((world.root / "mailbox" / file).read_text())
    assert (sent["text"], sent["sender_id"], sent["campaign"]) == (text, "SHOP", "tea")


def test_an_empty_footer_adds_nothing() -> None:
    assert with_footer("Hello", "") == "Hello"


def test_whatsapp_notify_and_task_reach_the_mailbox(world: World) -> None:
    world.contacts([contact(n) for n in (1, 2, 3)])
    contents = {
        "whatsapp": {"template": "hi", "language": "en_US", "variables": {"name": "{{ contact.name }}\n"}},
        "notify": {"to": "manager", "title": "About {{ contact.name }}", "text": "Call {{ contact.phone }}"},
        "task": {"title": "Call {{ contact.name }}", "assignee": "ana@example.com", "due": "3 days"},
    }
    world.plan([planned(n, channel=channel, content=one) for n, (channel, one) in enumerate(contents.items(), 1)])
    assert world.send().outcomes == {"mailbox": {"sent": 3}}
    told = {file.split("/")[1]: json.loads((world.root / "mailbox" / file).read_text()) for file in world.files()}
    assert told["whatsapp"]["variables"] == {"name": "Name 1"}
    assert (told["notify"]["title"], told["notify"]["text"]) == ("About Name 2", "Call +442079460018")
    assert (told["task"]["title"], told["task"]["due_at"]) == ("Call Name 3", "2026-03-04T09:00:00+00:00")
    assert [row["address"] for row in world.deliveries()] == ["+442079460018", "manager", "ana@example.com"]


def test_an_empty_whatsapp_variable_fails_the_message(world: World) -> None:
    world.contacts([contact(1)])
    content = {"template": "hi", "language": "en", "variables": ["{{ contact.name[:0] }}"]}
    world.plan([planned(1, channel="whatsapp", content=content)])
    world.send()
    assert outcomes(world)[0][2:] == ("failed", "template_error: variable 1 of the WhatsApp template is empty")


def test_whatsapp_headers_and_buttons_reach_the_mailbox(world: World) -> None:
    world.contacts([contact(n) for n in (1, 2)])
    hello = {"template": "hi", "language": "en", "variables": []}
    filled = {
        "header": {"document": {"link": "https://shop.example/{{ contact.contact_id }}.pdf", "filename": "Bill.pdf"}},
        "buttons": [
            {"index": 0, "url": "o/{{ contact.name | urlencode }}"},
            {"index": 2, "quick_reply": "yes {{ 1 + 1 }}"},
        ],
    }
    named = {"header": {"text": {"who": "{{ contact.name }}\n"}}}
    world.plan([planned(n, channel="whatsapp", content={**hello, **one}) for n, one in enumerate((filled, named), 1)])
    assert world.send().outcomes == {"mailbox": {"sent": 2}}
    first, second = (json.loads((world.root / "mailbox" / file).read_text()) for file in world.files())
    if first["header"]["kind"] == "text":
        first, second = second, first
    link = f"https://shop.example/{first['contact_id']}.pdf"
    assert first["header"] == {"kind": "document", "value": {"link": link, "filename": "Bill.pdf"}}
    assert first["buttons"] == [
        {"index": 0, "kind": "url", "value": "o/Name%201"}, {"index": 2, "kind": "quick_reply", "value": "yes 2"},
    ]  # fmt: skip
    assert second["header"] == {"kind": "text", "value": {"name": "who", "text": "Name 2"}}
    assert "buttons" not in second


NOT_FILLED: dict[str, tuple[dict[str, Any], str]] = {
    "header": ({"header": {"text": "{{ contact.name[:0] }}"}}, "the header of the WhatsApp template is empty"),
    "link": ({"header": {"image": {"link": "{{ contact.name }}"}}}, "the header's link is not http:// or https://"),
    "link with a blank": (
        {"header": {"image": {"link": "https://a.example/{{ contact.name }}"}}},
        "the header's link holds a blank: write | urlencode",
    ),
    "media": ({"header": {"video": {"id": "{{ contact.name[:0] }}"}}}, "the header's id is empty"),
    "button": (
        {"buttons": [{"index": 3, "quick_reply": " {{ contact.name[:0] }}"}]},
        "button 3 of the WhatsApp template is empty",
    ),
    "suffix": (
        {"buttons": [{"index": 1, "url": "{{ contact.name }}"}]},
        "button 1 of the WhatsApp template holds a blank: write | urlencode",
    ),
}


@pytest.mark.parametrize(("content", "why"), NOT_FILLED.values(), ids=NOT_FILLED.keys())
def test_what_whatsapp_would_refuse_fails_the_message(world: World, content: dict[str, Any], why: str) -> None:
    world.contacts([contact(1)])
    world.plan([planned(1, channel="whatsapp", content={"template": "hi", "language": "en", **content})])
    world.send()
    assert outcomes(world)[0][2:] == ("failed", f"template_error: {why}")


def test_the_rest_follows_from_the_channel_table() -> None:
    assert set(CHANNEL_TABLE) == set(CHANNELS) == set(WRITERS) == set(DefaultSenders.model_fields)
    assert {name for name, facts in CHANNEL_TABLE.items() if facts.address} == set(CONTACT_CHANNELS)
    assert set(Channels.model_fields) == set(CONTACT_CHANNELS)
    assert {facts.message for facts in CHANNEL_TABLE.values()} == set(get_args(AnyMessage))
    for name, facts in CHANNEL_TABLE.items():
        assert get_args(get_type_hints(facts.message)["channel"]) == (name,)
