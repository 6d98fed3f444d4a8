"""Texts from the flow to the phone and back: sent to a strict fake of Twilio, its signed calls kept by `segflow serve`,
and what people answer obeyed by the next tick."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import pytest

from tests.senders.fakes.phone import Fake
from tests.senders.fakes.twilio import ACCOUNT, TOKEN, sign, twilio
from tests.serve.server import Served
from tests.serve.shop import DELIVERY, START, arrive, shop, suppressed, told
from tests.world import World

PUBLIC = f"{DELIVERY['public_url']}/callbacks/texts"
ANA, BEN = "+442079460000", "+442079460001"


def texting(root: Path, fake: Fake) -> World:
    """Everybody gets a text on entering London, and another one in Paris."""
    texts = {
        "type": "twilio", "account_sid": ACCOUNT, "auth_token": TOKEN, "from": "+15005550006", "url": fake.url,
        "callback_url": PUBLIC,
    }  # fmt: skip
    world = shop(root, senders={"texts": texts}, default_senders={"sms": "texts"})
    world.segment("parisians", {"where": {"attribute": "city", "is": "Paris"}})
    for flow, segment in (("welcome", "londoners"), ("bonjour", "parisians")):
        step = {"id": "hi", "send_sms": {"text": "Cafe\u0301?"}}
        world.flow(flow, {"trigger": {"enters": segment}, "status": "active", "include_members": True, "steps": [step]})
    return world


def test_there_and_back(tmp_path: Path, packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with twilio() as fake:
        world = texting(tmp_path / "world", fake)
        assert world.tick(START, send=True).sent.total("sent") == 4
        sent = {form["To"]: form for form in (dict(parse_qsl(call.body.decode())) for call in fake.taken)}
        assert {form["Body"] for form in sent.values()} == {"Café?\nReply STOP to opt out."}

        def call(url: str, **fields: str) -> int:
            body = urlencode({"AccountSid": ACCOUNT, **fields}).encode()
            headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": sign(url, body)}
            path = url.removeprefix(DELIVERY["public_url"])
            return server.session.post(server.url + path, data=body, headers=headers).status_code

        with Served(world.root, packages) as server:
            ours = sent[ANA]["StatusCallback"]
            delivered = {"MessageSid": "SM9", "MessageStatus": "delivered", "To": ANA, "From": "+15005550006"}
            stop = {"MessageSid": "SM10", "From": ANA, "To": "+15005550006", "Body": "Stop", "NumMedia": "0"}
            gone = {**delivered, "MessageSid": "SM11", "MessageStatus": "undelivered", "To": BEN, "ErrorCode": "30005"}
            assert [call(ours, **delivered), call(ours, **delivered), call(PUBLIC, **stop)] == [204] * 3
            assert call(sent[BEN]["StatusCallback"], **gone) == 204
            assert call(ours.replace("message_id", "x"), **delivered) == 204  # signed by Twilio, of no message of ours
            forged = server.session.post(f"{server.url}/callbacks/texts", data={"MessageSid": "SM1"})
            assert forged.status_code == 403

            arrive(world, "Paris")
            fake.taken.clear()
            report = world.tick(START + timedelta(days=1), send=True)
            assert told(world) == [("ana", "delivered"), ("ben", "bounced")]
            assert suppressed(world) == {f"sms:{ANA}": "unsubscribed", f"sms:{BEN}": "bounced"}
            assert (report.sent.total("sent"), report.sent.total("skipped")) == (2, 2)
            assert {dict(parse_qsl(one.body.decode()))["To"] for one in fake.taken}.isdisjoint({ANA, BEN})

            start = {**stop, "MessageSid": "SM12", "Body": " START "}
            assert call(PUBLIC, **start) == 204
            log = server.stop()
        world.tick(START + timedelta(days=2))
        assert suppressed(world) == {f"sms:{BEN}": "bounced"}
        for secret in (TOKEN, ANA, BEN, "Café"):
            assert secret not in log
