# ruff: noqa: E501 (tables: one case per line)
"""What people do with single messages: render them, send them to themselves, decide about those that wait."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from segflow.cli import render
from segflow.cli.main import main
from segflow.messages import WhatsApp, WhatsAppButton, WhatsAppHeader
from segflow.outbox.adopt import adopt
from segflow.outbox.dead_letters import Chosen
from segflow.outbox.one_message import plain
from tests.senders.servers import http_server, status
from tests.world import World

FIRST = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
PEOPLE = [
    {"contact_id": "ana", "city": "Rome", "email": "ana@a.example", "phone": "+442079460018", "subscribed": True},
    {"contact_id": "bob", "city": "Rome", "email": "bob", "subscribed": False},
    {"contact_id": "eve", "city": "Rome", "email": "eve@a.example"},
]
STEPS = [
    {
        "id": "hello",
        "send_email": {
            "subject": "Hello {{ contact.contact_id }}",
            "html": '<style>p { color: red }</style><p>Hi <a href="https://a.example/">there</a></p>',
            "attachments": ["a.txt"],
            "utm": {"source": "shop"},
            "fallback": [{"sms": {"text": "Hi {{ contact.city }}"}}],
        },
    },
    {"id": "broken", "send_email": {"subject": "x", "text": "one\n{{ contact.score }}"}},
    {"id": "call", "webhook": {"url": "https://gone.example/{{ contact.contact_id }}", "sender": "crm"}},
    {"id": "think", "wait": "2 days"},
]
SETTINGS: dict[str, Any] = {
    "delivery": {"mode": "simulate", "max_lateness": "10000 days"},
    "senders": {"mail": {"type": "smtp", "host": "127.0.0.1", "port": 9, "from": "a@a.example"}, "crm": {"type": "webhook", "allow_private": True},
                "gateway": {"type": "webhook", "url": "https://gateway.example/in", "price_per_part": 0.05, "currency": "EUR"}},
    "default_senders": {"sms": "gateway"},
}  # fmt: skip


class Told(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Told]


def lived(root: Path) -> World:
    root.mkdir()
    (root / "flow_specs" / "attachments").mkdir(parents=True)
    (root / "flow_specs" / "attachments" / "a.txt").write_text("attached")
    world = World(root, settings=SETTINGS)
    catalog = (root / "segment_specs/catalog.yml").read_text()
    assert "consent" not in catalog
    (root / "segment_specs/catalog.yml").write_text(
        catalog.replace("address: email", "address: email\n      consent: subscribed")
    )
    world.project.reload()
    world.rows_of("contacts", PEOPLE)
    world.segment("londoners", {"where": {"attribute": "city", "is": "London"}})
    world.flow("hi", {"status": "active", "trigger": {"enters": "londoners"}, "steps": STEPS})
    world.tick(FIRST)
    world.rows_of("contacts", [{**one, "city": "London"} for one in PEOPLE if one["contact_id"] != "eve"])
    world.tick(FIRST + DAY, send=True)
    return world


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.again(lived, tmp_path / "world")


@pytest.fixture
def run(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> Told:
        world.close()
        monkeypatch.setattr(sys, "argv", ["segflow", "--project-dir", str(world.root), *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        return Told(int(end.value.code or 0), *capsys.readouterr())

    return call


def left(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*.eml")}


def test_a_message_is_shown_with_what_every_check_says(world: World, run: Run, tmp_path: Path) -> None:
    before = left(world.root)
    told = run("render", "hi", "hello", "--contact", "ana", "--format", "json", "-o", str(tmp_path / "x.html")).json
    assert (told["outcome"], told["reason"]) == ("ready", None)
    assert not [one for one in told["checks"] if one["refuses"]]
    mail, sms = told["messages"]
    link = "https://a.example/?utm_source=shop&utm_medium=email&utm_campaign=hi&utm_content=hello"
    assert (mail["subject"], mail["to"], mail["text"]) == ("Hello ana", "ana@a.example", f"Hi there <{link}>\n")
    assert mail["attachments"] == [{"name": "a.txt", "content_type": "text/plain", "bytes": 8}]
    assert 'p style="color: red;"' in (tmp_path / "x.html").read_text()
    assert (sms["to"], sms["text"]) == ("+442079460018", "Hi London\nReply STOP to opt out.")
    assert (sms["parts"], sms["cost"]) == (1, "0.05 EUR")

    # Everything that stands in the way is told, not the first alone.
    world.project.store.suppress("email", "bob", "bounce")
    told = run("render", "hi", "hello", "--contact", "bob", "--format", "json").json
    assert (told["outcome"], told["reason"]) == (
        "skipped",
        "no_channel: email no_consent; sms no_address",
    )
    assert {
        (one["channel"], one["check"]): one["refuses"].partition(":")[0] for one in told["checks"] if one["refuses"]
    } == {
        ("email", "consent"): "no_consent",
        ("email", "suppression"): "suppressed",
        ("email", "valid address"): "invalid_address",
        ("sms", "address"): "no_address",
    }
    assert [one["channel"] for one in told["messages"]] == ["email", "sms"]

    eve = run("render", "hi", "call", "--contact", "eve")
    assert (eve.code, "there is no contact eve as of the last tick" in eve.err) == (2, True)
    shown = run("render", "hi", "broken", "--contact", "ana")
    assert "template_error: flow hi, step broken, text, line 2: contact.score is missing" in " ".join(shown.out.split())
    world.project.pause("hi", "wrong price")
    assert "withdrawn: paused by" in run("render", "hi", "hello", "--contact", "ana").out
    assert left(world.root) == before


def test_headers_and_buttons_of_whatsapp_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    common: dict[str, Any] = {"message_id": "m", "contact_id": "ana", "flow": "f", "step": "s", "planned_at": FIRST}
    header = WhatsAppHeader("document", {"link": "https://a.example/1.pdf", "filename": "Bill.pdf"})
    buttons = (WhatsAppButton(0, "url", "o/1"), WhatsAppButton(2, "quick_reply", "STOP"))
    message = WhatsApp(**common, to="+442079460018", template="bill", language="en", header=header, buttons=buttons)
    told = plain(message)
    assert told["header"] == {"kind": "document", "value": header.value}
    assert told["buttons"][1] == {"index": 2, "kind": "quick_reply", "value": "STOP"}
    render._print(told)
    shown = capsys.readouterr().out
    assert "header: document https://a.example/1.pdf, Bill.pdf\n" in shown
    assert "buttons: 0 url o/1, 2 quick reply STOP\n" in shown
    render._print(plain(WhatsApp(**common, to="+442079460018", template="bill", language="en")))
    assert "buttons" not in capsys.readouterr().out


WRONG = {
    "flow": (("ho", "hello", "--contact", "ana"), "unknown flow ho"),
    "step": (("hi", "helo", "--contact", "ana"), "flow hi has no step helo (did you mean hello?)"),
    "step that sends nothing": (("hi", "think", "--contact", "ana"), "step think of flow hi sends no message; those that do: hello, broken, call"),
    "html": (("hi", "call", "--contact", "ana", "-o", "x.html"), "the message of flow hi, step call has no HTML"),
}  # fmt: skip


def test_what_render_is_asked_wrongly(world: World, run: Run) -> None:
    for arguments, expected in WRONG.values():
        told = run("render", *arguments)
        assert (told.code, expected in told.err) == (2, True), told.err


def test_a_test_goes_to_an_address_and_nothing_counts_it(world: World, run: Run) -> None:
    deliveries = world.rows("SELECT * FROM segflow.deliveries")
    # bob has not agreed; it is not for bob.
    told = run("send-test", "hi", "hello", "--to", "Me@MY.example", "--contact", "bob", "--format", "json").json
    assert (told["outcome"], told["sender"], told["address"]) == ("sent", "mailbox", "Me@my.example")
    assert "@" in told["sent_by"]
    [mail] = [content.decode() for path, content in left(world.root).items() if told["id"] in path]
    assert "Subject: [TEST] Hello bob" in mail
    assert "X-Segflow-Test: true" in mail
    sms = run("send-test", "hi", "hello", "--to", "+442079460019", "--contact", "ana", "--channel", "sms")
    assert sms.code == 0, sms.err
    [kept, _] = world.project.store.tests.listing(5)
    assert (kept["channel"], kept["address"]) == ("sms", "+442079460019")
    # In mode simulate a live sender is replaced, and that is said.
    called = run("send-test", "hi", "call", "--to", "https://me.example/x", "--contact", "ana")
    assert "mailbox took it in place of crm" in " ".join(called.out.split())
    world.tick(FIRST + 2 * DAY, send=True)
    assert len(world.rows("SELECT * FROM segflow.deliveries")) == len(deliveries)
    assert not world.rows("SELECT * FROM segflow.outbox WHERE contact_id = 'me'")

    assert run("send-test", "hi", "hello", "--to", "me", "--contact", "ana").code == 2
    broken = run("send-test", "hi", "broken", "--to", "me@my.example", "--contact", "ana")
    assert (broken.code, "text, line 2: contact.score is missing" in broken.err) == (2, True)


GIFT = "Take {{ coupons.code }}, whenever you like, for anything that you find in our shop between now and Christmas."


def test_a_code_that_was_not_claimed_is_a_sample_and_long_lines_stay_whole(world: World, run: Run) -> None:
    letter = {"id": "letter", "send_email": {"subject": "A gift", "text": GIFT}}
    steps = [{"id": "code", "coupon": "spring"}, letter]
    world.flow("gift", {"status": "active", "trigger": {"enters": "londoners"}, "steps": steps})
    shown = run("render", "gift", "letter", "--contact", "ana")
    assert GIFT.replace("{{ coupons.code }}", "SAMPLE-CODE") in shown.out.splitlines()
    assert run("send-test", "gift", "letter", "--to", "me@my.example", "--contact", "ana").code == 0


def test_no_test_goes_out_when_sending_is_stopped(world: World, run: Run) -> None:
    before = left(world.root)
    world.project.store.stop_sending("wrong price")
    told = run("send-test", "hi", "hello", "--to", "me@my.example", "--contact", "ana")
    assert (told.code, "sending is stopped: wrong price" in told.err) == (2, True)
    assert left(world.root) == before


def test_tests_go_out_when_sending_is_live_and_keep_to_the_allowlist(world: World, run: Run) -> None:
    settings = world.root / "segflow.yml"
    simulated = settings.read_text()
    settings.write_text(simulated.replace("mode: simulate", "mode: live"))
    with http_server(status(200)) as server:
        told = run("send-test", "hi", "call", "--to", f"{server.url}/me", "--contact", "ana", "--format", "json")
        assert told.code == 0, told.err
        assert (told.json["sender"], told.json["replaced"]) == ("crm", False)
        assert [(one.path, one.headers["x-segflow-test"]) for one in server.calls] == [("/me", "true")]
        server.answer = status(400, b"no such thing")
        failed = run("send-test", "hi", "call", "--to", f"{server.url}/me", "--contact", "ana")
        assert (failed.code, "sender crm did not take it: HTTP 400: no such thing" in failed.err) == (1, True)
    [last, _] = world.project.store.tests.listing(5)
    assert (last["outcome"], last["reason"]) == ("failed", "HTTP 400: no such thing")
    settings.write_text(simulated.replace("mode: simulate", "mode: test\n  allowlist: ['*@my.example']"))
    assert (
        "not on delivery.allowlist"
        in run("send-test", "hi", "hello", "--to", "me@other.example", "--contact", "ana").err
    )
    assert run("send-test", "hi", "hello", "--to", "me@my.example", "--contact", "ana").code == 0


def test_dead_letters_are_listed_retried_and_dropped(world: World, run: Run) -> None:
    listed = run("outbox", "list", "--format", "json").json
    assert [(one["contact_id"], one["step"], one["status"]) for one in listed] == [
        (contact, "broken", "failed") for contact in ("ana",)
    ]
    assert listed[0]["reason"].startswith("template_error: flow hi, step broken, text, line 2")
    assert run("outbox", "list", "--flow", "ho", "--format", "json").json == []
    assert [
        one["contact_id"]
        for one in run("outbox", "list", "--outcome", "skipped", "--contact", "bob", "--format", "json").json
    ] == ["bob", "bob"]
    assert "1 failed" in run("doctor").out

    world.rows_of("contacts", [{**one, "city": "London", "score": 5} for one in PEOPLE[:2]])
    assert run("outbox", "retry", "--flow", "hi", "--reason", "scores are loaded", "--format", "json").json == {
        "retried": 1
    }
    world.tick(FIRST + 2 * DAY, send=True)
    rows = world.rows(
        "SELECT attempt, outcome, reason FROM segflow.deliveries WHERE step = 'broken' AND contact_id = 'ana' ORDER BY attempt, recorded_at"
    )
    assert [(row["attempt"], row["outcome"]) for row in rows] == [(1, "failed"), (1, "retried"), (2, "sent")]
    assert rows[1]["reason"].startswith("retried by ")
    assert rows[1]["reason"].endswith(": scores are loaded")
    assert run("outbox", "retry", "--all", "--format", "json").json == {"retried": 0}
    assert run("outbox", "retry", "x", "--all").code == 2


def test_what_was_decided_survives_a_lost_delivery_store(world: World, run: Run) -> None:
    store = world.project.store
    [letter] = store.letters.listing(Chosen())
    assert run("outbox", "retry", "--all").code == 0
    world.tick(FIRST + 2 * DAY)
    store = world.project.store
    with world.project.warehouse() as warehouse:
        lease = store.leases.acquire("test", 60)
        from segflow.outbox.deliveries import copy_outcomes

        copy_outcomes(warehouse, store, lease, "20260303T120000Z")
        from segflow.outbox.store import DeliveryStore

        with DeliveryStore(world.root / "other.db") as other:
            adopt(warehouse, other, other.leases.acquire("test", 60))
            # It may have been sent again since: nobody knows.
            [found] = other.letters.listing(Chosen(ids=[letter["message_id"]]))
            assert (found["message_id"], found["status"]) == (letter["message_id"], "unknown")


def test_senders_are_checked(world: World, run: Run) -> None:
    told = run("sender", "check", "mailbox")
    assert (told.code, "the folder can be written" in told.out) == (0, True)
    crm = run("sender", "check", "crm", "--format", "json")
    assert (crm.code, crm.json["answer"], crm.json["fault"]) == (0, None, None)
    assert "nothing to ask" in crm.json["does"]
    mail = run("sender", "check", "mail")
    assert (mail.code, "connects to 127.0.0.1:9 with STARTTLS, does not log in" in mail.out) == (1, True)
    assert "sender mail: cannot connect to 127.0.0.1:9" in mail.err
    unknown = run("sender", "check", "mial")
    assert (unknown.code, "there is no sender mial in segflow.yml (did you mean mail?)" in unknown.err) == (2, True)
