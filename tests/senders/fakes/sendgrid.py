"""SendGrid: POST /v3/mail/send, and its signed Event Webhook."""

from __future__ import annotations

import base64
import json
import re
import time
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from segflow.senders.callbacks import Callback
from tests.senders.servers import Call

from .base import FULL, NOW, TEXT, TEXTS, Fake, RefusedError, Reply, callback, objects, reply, wrong

KEY = "SG.k3y-of-the-tests"
RESERVED = frozenset(
    {"x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding", "to", "from",
     "subject", "reply-to", "cc", "bcc"}
)  # fmt: skip
_WHO = objects({"email": FULL}, {"name": TEXT})
_PEOPLE = {"type": "array", "items": _WHO, "minItems": 1}
_UNIX = {"type": "integer"}
_PERSONALIZATION = objects(
    {"to": _PEOPLE},
    {"cc": _PEOPLE, "bcc": _PEOPLE, "from": _WHO, "subject": FULL, "headers": TEXTS, "substitutions": TEXTS,
     "dynamic_template_data": {"type": "object"}, "custom_args": TEXTS, "send_at": _UNIX},
)  # fmt: skip
_ATTACHMENT = objects(
    {"content": FULL, "filename": FULL},
    {"type": FULL, "disposition": {"enum": ["inline", "attachment"]}, "content_id": TEXT},
)
_BODY = objects(
    {
        "personalizations": {"type": "array", "items": _PERSONALIZATION, "minItems": 1, "maxItems": 1000},
        "from": _WHO,
    },
    {
        "reply_to": _WHO,
        "reply_to_list": {"type": "array", "items": _WHO, "uniqueItems": True, "maxItems": 1000},
        "subject": FULL,
        "content": {"type": "array", "items": objects({"type": FULL, "value": FULL}), "minItems": 1},
        "attachments": {"type": "array", "items": _ATTACHMENT},
        "template_id": FULL,
        "headers": TEXTS,
        "categories": {"type": "array", "items": {**TEXT, "maxLength": 255}, "maxItems": 10, "uniqueItems": True},
        "custom_args": TEXTS,
        "send_at": _UNIX,
        "batch_id": FULL,
        "asm": objects({"group_id": _UNIX}, {"groups_to_display": {"type": "array", "items": _UNIX, "maxItems": 25}}),
        "ip_pool_name": {**TEXT, "minLength": 2, "maxLength": 64},
        "mail_settings": {"type": "object"},
        "tracking_settings": {"type": "object"},
    },
)
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def error(status: int, message: str, field: str | None = None, **headers: str) -> Reply:
    return reply(status, {"errors": [{"message": message, "field": field, "help": None}]}, **headers)


class FakeSendGrid(Fake):
    def __init__(self) -> None:
        super().__init__()
        self.key = ec.generate_private_key(ec.SECP256R1())

    @property
    def webhook_key(self) -> str:
        """The public key as the settings show it: base64 without PEM lines."""
        der = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(der).decode()

    def accept(self, call: Call) -> tuple[list[dict[str, Any]], Reply]:
        if call.path != "/v3/mail/send":
            raise RefusedError(error(404, "not found"))
        if call.method != "POST":
            raise RefusedError(error(405, "method not allowed"))
        if call.headers.get("authorization") != f"Bearer {KEY}":
            raise RefusedError(error(401, "The provided authorization grant is invalid, expired, or revoked"))
        if call.headers.get("accept") != "application/json":
            raise RefusedError(error(406, "not acceptable"))
        if call.headers.get("content-type") != "application/json":
            raise RefusedError(error(415, "unsupported media type"))
        if len(call.body) > 30_000_000:
            raise RefusedError(error(413, "too large"))
        try:
            told = json.loads(call.body)
        except ValueError:
            raise RefusedError(error(400, "Bad Request")) from None
        fault = wrong(_BODY, told) or _wrong(told)
        if fault is not None:
            raise RefusedError(error(400, fault.partition(": ")[2], fault.partition(": ")[0]))
        shared = {name: value for name, value in told.items() if name != "personalizations"}
        number = f"{len(self.mails):022d}"
        return [shared | one for one in told["personalizations"]], Reply(202, headers={"X-Message-Id": number})

    def events(self, events: list[dict[str, Any]], at: datetime = NOW, raw: bytes | None = None) -> Callback:
        """A call with these events, signed. SendGrid writes CR LF between and after them."""
        body = raw if raw is not None else b"[" + b",\r\n".join(json.dumps(one).encode() for one in events) + b"]\r\n"
        stamp = str(int(at.timestamp()))
        signature = self.key.sign(stamp.encode() + body, ec.ECDSA(SHA256()))
        headers = {
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": stamp,
            "Content-Type": "application/json",
        }
        return callback(body, headers)


def _wrong(told: dict[str, Any]) -> str | None:
    ones = told["personalizations"]
    people = [[who["email"].lower() for part in ("to", "cc", "bcc") for who in one.get(part, [])] for one in ones]
    if sum(map(len, people)) > 1000:
        return "personalizations: more than 1000 recipients"
    everybody = [who for one in people for who in one]
    if len(set(everybody)) < len(everybody):
        return "personalizations: Each email address in the personalization block should be unique"
    if bad := next((who for who in everybody if not _ADDRESS.fullmatch(who)), None):
        return f"personalizations: Does not contain a valid address: {bad}"
    if "reply_to" in told and "reply_to_list" in told:
        return "reply_to: not both"
    for headers in (told.get("headers", {}), *(one.get("headers", {}) for one in ones)):
        if RESERVED & {name.lower() for name in headers}:
            return "headers: a reserved header"
    for one in ones:
        if (
            sum(len((k + v).encode()) for k, v in (told.get("custom_args", {}) | one.get("custom_args", {})).items())
            > 10000
        ):
            return "custom_args: more than 10000 bytes"
        if "subject" not in told and "subject" not in one and "template_id" not in told:
            return "subject: The subject is required"
        if "substitutions" in one and told.get("template_id", "").startswith("d-"):
            return "substitutions: not with a dynamic template"
    if any(at > time.time() + 72 * 3600 for at in (told.get("send_at", 0), *(one.get("send_at", 0) for one in ones))):
        return "send_at: more than 72 hours ahead"
    kinds = [part["type"] for part in told.get("content", [])]
    if not kinds and "template_id" not in told:
        return "content: required"
    if kinds not in ([], ["text/plain"], ["text/html"], ["text/plain", "text/html"]):
        return "content: text/plain must come first, then text/html"
    return None
