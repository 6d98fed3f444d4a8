"""Resend: POST /emails with its idempotency keys, and its webhooks, which Svix signs."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from datetime import datetime
from typing import Any

from segflow.senders.callbacks import Callback
from tests.senders.servers import Call

from .base import BASE64, FULL, NOW, TEXT, TEXTS, Fake, RefusedError, Reply, callback, objects, reply, wrong

KEY = "re_k3y-of-the-tests"
SECRET = "whsec_" + base64.b64encode(b"the tests' own secret of 32 byte").decode()
OTHER_SECRET = "whsec_" + base64.b64encode(b"another secret that has 32 bytes").decode()
_ONE_OR_MORE = {"anyOf": [FULL, {"type": "array", "items": FULL, "minItems": 1, "maxItems": 50}]}
_NAME = {"type": "string", "pattern": r"^[A-Za-z0-9_-]{1,256}$"}
_EMAIL = objects(
    {"from": FULL, "to": _ONE_OR_MORE, "subject": FULL},
    {
        "cc": _ONE_OR_MORE,
        "bcc": _ONE_OR_MORE,
        "reply_to": _ONE_OR_MORE,
        "html": TEXT,
        "text": TEXT,
        "template": objects({"id": FULL}, {"variables": {"type": "object"}}),
        "headers": TEXTS,
        "scheduled_at": FULL,
        "attachments": {
            "type": "array",
            "items": {
                **objects(
                    {"filename": FULL}, {"content": BASE64, "path": FULL, "content_type": FULL, "content_id": FULL}
                ),
                "oneOf": [{"required": ["content"]}, {"required": ["path"]}],
            },
        },
        "tags": {"type": "array", "items": objects({"name": _NAME, "value": _NAME})},
        "topic_id": FULL,
    },
)
_FROM = re.compile(r'(?:[^<>",=]+ <)?[!-~]+@[!-~]+\.[!-~]+?>?')
_TO = re.compile(r'(?:[^<>"]+ <)?[!-~]+@[!-~]+\.[!-~]+?>?')


def error(status: int, name: str, message: str = "told by the test", **headers: str) -> Reply:
    return reply(status, {"statusCode": status, "name": name, "message": message}, **headers)


class FakeResend(Fake):
    def __init__(self) -> None:
        super().__init__()
        self.keys: dict[str, tuple[bytes, Reply]] = {}
        """Idempotency-Key -> the request and its answer."""

    def forget(self) -> None:
        """24 hours later."""
        self.keys.clear()

    def accept(self, call: Call) -> tuple[list[dict[str, Any]], Reply]:
        authorization = call.headers.get("authorization")
        if authorization is None:
            raise RefusedError(error(401, "missing_api_key"))
        if authorization != f"Bearer {KEY}":
            raise RefusedError(error(403, "invalid_api_key"))
        if call.path != "/emails":
            raise RefusedError(error(404, "not_found"))
        if call.method != "POST":
            raise RefusedError(error(405, "method_not_allowed"))
        key = call.headers.get("idempotency-key")
        if key is not None and not 1 <= len(key) <= 256:
            raise RefusedError(error(400, "invalid_idempotency_key"))
        if key in self.keys:
            before, answer = self.keys[key]
            if before != call.body:
                raise RefusedError(error(409, "invalid_idempotent_request"))
            return [], answer
        try:
            told = json.loads(call.body)
        except ValueError:
            raise RefusedError(error(400, "validation_error")) from None
        if call.headers.get("content-type") != "application/json":
            raise RefusedError(error(400, "validation_error", "Content-Type"))
        missing = [name for name in ("from", "to", "subject") if not told.get(name)]
        if missing:
            raise RefusedError(error(422, "missing_required_field", f"Missing `{missing[0]}`"))
        fault = wrong(_EMAIL, told)
        if fault is not None:
            raise RefusedError(error(422, "validation_error", fault))
        people = [told["to"]] if isinstance(told["to"], str) else told["to"]
        if not all(_TO.fullmatch(one) for one in people) or not _TO.fullmatch(told.get("reply_to", "a@b.example")):
            raise RefusedError(error(422, "validation_error", "Invalid `to` field"))
        if not _FROM.fullmatch(told["from"]):
            raise RefusedError(error(422, "invalid_from_address", "Invalid `from` field"))
        if "template" in told and ("html" in told or "text" in told):
            raise RefusedError(error(422, "validation_error", "html or text beside a template"))
        if not told.get("html") and not told.get("text") and "template" not in told:
            raise RefusedError(error(422, "missing_required_field", "Missing `html` or `text`"))
        answer = reply(200, {"id": f"49a3999c-0ce1-4ea6-ab68-{len(self.mails):012d}"})
        if key is not None:
            self.keys[key] = (call.body, answer)
        return [told], answer


def event(
    kind: str,
    data: dict[str, Any] | None = None,
    *,
    at: datetime = NOW,
    secret: str = SECRET,
    told: str = "msg_1",
    raw: bytes | None = None,
    more: str = "",
) -> Callback:
    """A call of a webhook, signed by hand, as Svix describes it. `more`: signatures before ours."""
    body = raw if raw is not None else json.dumps({"type": kind, "created_at": NOW.isoformat(), "data": data}).encode()
    stamp = str(int(at.timestamp()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.new(key, f"{told}.{stamp}.".encode() + body, hashlib.sha256).digest()).decode()
    headers = {"svix-id": told, "svix-timestamp": stamp, "svix-signature": f"{more} v1,{signature}".strip()}
    return callback(body, headers)
