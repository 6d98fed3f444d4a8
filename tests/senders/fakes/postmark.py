"""Postmark: /email and /email/batch, and its webhooks."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

from segflow.senders.callbacks import Callback
from tests.senders.servers import Call

from .base import FULL, TEXT, TEXTS, Fake, RefusedError, Reply, basic, callback, objects, reply, wrong

TOKEN = "postmark-t0ken"
LOGIN = "segflow:pa:ss"
_FIELDS = {
    "Cc": TEXT,
    "Bcc": TEXT,
    "HtmlBody": TEXT,
    "TextBody": TEXT,
    "ReplyTo": TEXT,
    "Headers": {"type": "array", "items": objects({"Name": FULL, "Value": TEXT})},
    "Tag": TEXT,
    "Metadata": TEXTS,
    "TrackOpens": {"type": "boolean"},
    "TrackLinks": {"enum": ["None", "HtmlAndText", "HtmlOnly", "TextOnly"]},
    "Attachments": {
        "type": "array",
        "items": objects({"Name": FULL, "Content": TEXT, "ContentType": FULL}, {"ContentID": TEXT}),
    },
    "MessageStream": FULL,
}
_EMAIL = objects({"From": FULL, "To": FULL, "Subject": TEXT}, _FIELDS)
_ADDRESS = re.compile(r"(?:[^<>]*<)?[!-~]+@[!-~]+\.[!-~]+?>?")


def error(code: int, message: str, status: int = 422) -> Reply:
    return reply(status, {"ErrorCode": code, "Message": message})


class FakePostmark(Fake):
    def __init__(self) -> None:
        super().__init__()
        self._numbers = itertools.count()
        self.inactive: set[str] = set()
        self.codes: dict[str, int] = {}
        """ErrorCode that a message to an address gets."""

    def accept(self, call: Call) -> tuple[list[dict[str, Any]], Reply]:
        if call.headers.get("x-postmark-server-token") != TOKEN:
            raise RefusedError(error(10, "Bad or missing server token.", 401))
        if call.path not in ("/email", "/email/batch") or call.method != "POST":
            raise RefusedError(reply(404))
        if "application/json" not in (call.headers.get("content-type", ""), call.headers.get("accept", "")):
            raise RefusedError(reply(415))
        try:
            told = json.loads(call.body)
        except ValueError:
            raise RefusedError(error(402, "Invalid JSON")) from None
        if call.path == "/email":
            if len(call.body) > 10_000_000:
                raise RefusedError(reply(413))
            answer = self._one(told)
            if answer["ErrorCode"]:
                raise RefusedError(reply(422, answer))
            return [told], reply(200, answer)
        if len(call.body) > 50_000_000:
            raise RefusedError(reply(413))
        if not isinstance(told, list):
            raise RefusedError(error(402, "Invalid JSON: an array is wanted"))
        if len(told) > 500:
            raise RefusedError(error(410, "Too many batch messages"))
        answers = [self._one(one) for one in told]
        return [one for one, answer in zip(told, answers, strict=True) if not answer["ErrorCode"]], reply(200, answers)

    def _one(self, told: Any) -> dict[str, Any]:
        code, message = self._wrong(told)
        if code:
            return {"ErrorCode": code, "Message": message}
        number = f"b7bc2f4a-e38e-4336-af7d-{next(self._numbers):012d}"
        return {
            "To": told["To"], "SubmittedAt": "2026-03-01T09:00:00.0000000Z", "MessageID": number, "ErrorCode": 0,
            "Message": "OK",
        }  # fmt: skip

    def _wrong(self, told: Any) -> tuple[int, str]:
        fault = wrong(_EMAIL, told)
        if fault is not None:
            return 402, f"Invalid JSON: {fault}"
        people = [who.strip() for part in ("To", "Cc", "Bcc") for who in told.get(part, "").split(",") if who.strip()]
        if bad := next((who for who in people if not _ADDRESS.fullmatch(who)), None):
            return 300, f"Invalid 'To' address: '{bad}'."
        if len(people) > 50:
            return 300, "More than 50 recipients"
        if not _ADDRESS.fullmatch(told["From"]):
            return 300, f"Invalid 'From' address: '{told['From']}'."
        if not told.get("TextBody") and not told.get("HtmlBody"):
            return 300, "Zero recipients or no body"
        if any(len(name) > 20 or len(value) > 80 for name, value in told.get("Metadata", {}).items()):
            return 300, "Invalid metadata content"
        if told["To"] in self.inactive:
            return 406, f"You tried to send to recipients that have been marked as inactive: {told['To']}."
        return self.codes.get(told["To"], 0), "told by the test"


def event(record: str, login: str | None = LOGIN, **fields: Any) -> Callback:
    """A call of a webhook, with the password that stands in its URL."""
    headers = {"Authorization": basic(login)} if login is not None else {}
    return callback({"RecordType": record, "ServerID": 23, "MessageStream": "outbound", **fields}, headers)
