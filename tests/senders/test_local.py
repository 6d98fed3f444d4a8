"""Mailbox, console and `build`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest

from segflow.errors import ConfigurationError, PermanentError
from segflow.messages import CHANNELS, Email, Sms, WebhookCall
from segflow.senders import build, kinds, sender_class
from segflow.senders.console import ConsoleSender
from segflow.senders.mailbox import MailboxSender
from segflow.specs.settings import Settings

COMMON: dict[str, Any] = {
    "message_id": "m1",
    "contact_id": "c1",
    "flow": "f",
    "step": "s",
    "planned_at": datetime(2026, 3, 1, 9, 0, tzinfo=UTC),
}
MESSAGES = {
    "email": Email(**COMMON, to="a@b.example.com", subject="Hi", text="Grüße", html="<b>x</b>"),
    "sms": Sms(**COMMON, to="+442079460018", text="Grüße"),
    "webhook": WebhookCall(**COMMON, url="https://a.example/x", body={"a": [1, "é"]}),
}


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES.keys())
def test_a_repeat_writes_the_same_file_and_nothing_else(message: Any, tmp_path: Path) -> None:
    contents = []
    for _ in range(2):
        with MailboxSender("mailbox", tmp_path, "Shop <shop@shop.example.com>") as sender:
            sender.send(message)
        files = [p for p in tmp_path.rglob("*") if p.is_file()]
        suffix = ".eml" if message.channel == "email" else ".json"
        assert files == [tmp_path / "2026-03-01" / message.channel / f"m1{suffix}"]
        contents.append(files[0].read_bytes())
    assert contents[0] == contents[1]
    if message.channel != "email":
        assert json.loads(contents[0])["message_id"] == "m1"


@pytest.mark.parametrize("message_id", ["../m1", "a/b", "", ".hidden", "a\0b", "x" * 300])
def test_a_message_id_never_leaves_the_mailbox(message_id: str, tmp_path: Path) -> None:
    with MailboxSender("mailbox", tmp_path / "box", "shop@shop.example.com") as sender, pytest.raises(PermanentError):
        sender.send(Sms(**{**COMMON, "message_id": message_id}, to="+442079460018", text="x"))
    assert list(tmp_path.iterdir()) == []


def test_a_mailbox_that_cannot_be_written_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "box").write_text("a file in the way")
    refused = pytest.raises(ConfigurationError, match="cannot write to the mailbox")
    with MailboxSender("mailbox", tmp_path / "box", "shop@shop.example.com") as sender, refused:
        sender.send(MESSAGES["sms"])


def test_a_mailbox_holds_an_address_with_other_letters_as_it_is(tmp_path: Path) -> None:
    message = Email(**COMMON, to="jörg@bücher.example", subject="Hi", text="Hello")
    with MailboxSender("mailbox", tmp_path, "Zoë <zoë@shop.example.com>") as sender:
        sender.send(message)
    [file] = tmp_path.rglob("*.eml")
    lines = file.read_bytes().decode().split("\r\n")
    assert "To: jörg@xn--bcher-kva.example" in lines
    assert "From: =?utf-8?q?Zo=C3=AB?= <zoë@shop.example.com>" in lines


def test_console_prints_one_line_whatever_the_message_holds(capsys: pytest.CaptureFixture[str]) -> None:
    with ConsoleSender("console") as sender:
        sender.send(Sms(**COMMON, to="+442079460018", text="a\nb\x1b[31m é"))
        sender.send(MESSAGES["webhook"])
    assert capsys.readouterr().out == (
        "sms  +442079460018  a\\x0ab\\x1b[31m é  [f/s]\nwebhook  https://a.example/x  POST  [f/s]\n"
    )


EXAMPLES = {
    "relay": {"type": "smtp", "host": "mail.example.com", "from": "shop@shop.example.com"},
    "people": {"type": "notify", "people": {"manager": "json://127.0.0.1:1/x"}, "email": "mailto://a.example?to={to}"},
    "hooks": {
        "type": "webhook",
        "url": "https://crm.example.com/in",
        "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "idempotent": True,
        "allow_hosts": ["crm.internal", "10.1.0.0/16"],
        "price_per_part": 0.05,
        "currency": "EUR",
    },
    "texts": {
        "type": "twilio",
        "account_sid": "AC" + "0" * 32,
        "auth_token": "t",
        "api_key": "SK1",
        "api_secret": "s",
        "from": "+15005550006",
        "messaging_service_sid": "MG" + "0" * 32,
        "callback_url": "https://hooks.shop.example.com/callbacks/texts",
        "price_per_part": 0.0079,
        "currency": "USD",
    },
    "chats": {
        "type": "whatsapp",
        "phone_number_id": "106540352242922",
        "access_token": "t",
        "api_version": "v23.0",
        "app_secret": "s",
        "verify_token": "v",
    },
    "bulk": {"type": "sendgrid", "api_key": "k", "from": "shop@shop.example.com", "region": "eu"},
    "receipts": {"type": "postmark", "server_token": "k", "from": "Shop <shop@shop.example.com>"},
    "hello": {"type": "resend", "api_key": "k", "from": "shop@shop.example.com", "url": "http://127.0.0.1:1"},
    "letters": {"type": "mailgun", "domain": "mg.example.com", "api_key": "k", "from": "shop@shop.example.com"},
    "cloud": {"type": "ses", "region": "eu-west-1", "from": "shop@shop.example.com"},
}
"""Settings of every type, less those that are always there."""


def test_every_settings_model_builds_its_sender(tmp_path: Path) -> None:
    settings = Settings.model_validate({"senders": EXAMPLES})
    built = {name: build(name, options.model_dump(), tmp_path) for name, options in settings.all_senders().items()}
    assert {options.type for options in settings.all_senders().values()} == set(kinds())
    flags = {name: (sender.simulated, sender.idempotent) for name, sender in built.items()}
    assert flags == {
        "mailbox": (True, True),
        "console": (True, True),
        "relay": (False, False),
        "people": (False, False),
        "hooks": (False, True),
        "texts": (False, False),
        "chats": (False, False),
        "bulk": (False, False),
        "receipts": (False, False),
        "hello": (False, True),
        "letters": (False, False),
        "cloud": (False, False),
    }


@pytest.mark.parametrize("kind", kinds())
def test_a_type_is_called_like_its_file(kind: str) -> None:
    found = sender_class(kind)
    assert found.__module__ == f"segflow.senders.{kind}"
    assert get_args(found.settings.model_fields["type"].annotation) == (kind,)
    assert set(found.settings.channels) <= set(CHANNELS)


def test_an_unknown_type_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="unknown type 'pigeon'; there are console"):
        build("x", {"type": "pigeon"}, tmp_path)
