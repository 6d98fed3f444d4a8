"""What a contact's own values can do to a message: nothing but stand in it. docs/SECURITY.md tells people."""

from __future__ import annotations

from dataclasses import dataclass
from email import message_from_bytes, policy
from typing import Any

import pytest

from segflow.outbox.sandbox import MAX_OUTPUT
from segflow.senders.webhook import WebhookSender

from .conftest import World, contact, planned

NAMES = {
    "a header in a line break": "Ana\r\nBcc: spy@spy.example.com",
    "a header in a separator of other alphabets": "Ana\u2028Bcc: spy@spy.example.com\x85X: y",
    "a template": "{{ contact.email }}{% for n in range(9) %}x{% endfor %}",
    "a script": "<script>alert(1)</script>",
    "a formula": "=HYPERLINK(\"https://spy.example.com\")",
    "NUL and half a pair": "A\0na \N{ZERO WIDTH JOINER}",
}  # fmt: skip
MARKUP = {
    "subject": "Hi {{ contact.name }}",
    "text": "Dear {{ contact.name }}",
    "html": "<p>Dear {{ contact.name }}</p>",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_value_stands_in_an_email_and_does_nothing_else(world: World, name: str) -> None:
    world.contacts([contact(1, name=name)])
    world.plan([planned(1, content=MARKUP)])
    assert world.send().total("sent") == 1
    [file] = world.root.glob("mailbox/**/*.eml")
    mail = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert (mail["to"], mail["bcc"], mail["x"]) == ("c1@shop.example.com", None, None)
    assert len(str(mail["subject"]).splitlines()) == 1
    assert set(mail.keys()) <= {
        "From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
    } | {key for key in mail if key.startswith("X-Segflow")}  # fmt: skip
    html = mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert "<script>" not in html
    assert "xxxxxxxxx" not in html
    assert "c1@shop.example.com" not in html


@dataclass(frozen=True)
class Refusal:
    """A contact and a message that does not go out: as what, and why."""

    contact: dict[str, Any]
    message: dict[str, Any]
    outcome: str
    reason: str


def call(**content: Any) -> dict[str, Any]:
    return {
        "channel": "webhook",
        "sender": "hooks",
        "content": {"url": "https://a.example/x", "method": "POST", **content},
    }


REFUSALS = {
    "a header in an address": Refusal(
        {"email": "a@b.example.com\r\nBcc: spy@spy.example.com"}, {}, "skipped", "invalid_address"
    ),
    "two addresses": Refusal({"email": "a@b.example.com, spy@spy.example.com"}, {}, "skipped", "invalid_address"),
    "ten million characters": Refusal({"name": "x" * 10_000_000}, {}, "failed", f"more than {MAX_OUTPUT:,} characters"),
    "a line break in a header of a call": Refusal(
        {"name": "a\r\nX-Admin: yes"}, call(headers={"X-Name": "{{ contact.name }}"}), "failed", "line break"
    ),
    "a name of the machine as host": Refusal(
        {"name": "127.0.0.1"}, call(url="http://{{ contact.name }}/x"), "failed", "127.0.0.1"
    ),
    "the metadata of a cloud as host": Refusal(
        {"name": "169.254.169.254"}, call(url="http://{{ contact.name }}/latest"), "failed", "169.254.169.254"
    ),
    "another scheme": Refusal({"name": "file:///etc/passwd"}, call(url="{{ contact.name }}"), "failed", "URL"),
    "a blank in a URL": Refusal({"name": "a b"}, call(url="https://a.example/{{ contact.name }}"), "failed", "blanks"),
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_a_value_that_would_do_more_stops_its_own_message_alone(world: World, refusal: Refusal) -> None:
    world.delivery(mode="live", max_lateness="1000 years")
    world.contacts([contact(1, **refusal.contact), contact(2)])
    world.plan([planned(1, **refusal.message), planned(2)])
    report = world.send({"hooks": WebhookSender("hooks")})
    told = {row["message_id"]: (row["outcome"], row["reason"]) for row in world.deliveries()}
    assert told["m00002"] == ("sent", None)
    assert told["m00001"][0] == refusal.outcome
    assert refusal.reason in told["m00001"][1]
    assert report.errors == []
    assert len(told["m00001"][1]) < 1000
