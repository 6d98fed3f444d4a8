"""Twilio's Messages API as it is documented: a form, Basic auth, one message a request; and how it signs callbacks."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import itertools
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from tests.senders.servers import Call

from .phone import Fake, Refused, serving

ACCOUNT = "AC" + "0" * 32
TOKEN = "the-auth-token-of-the-account"
KEY, KEY_SECRET = "SK" + "1" * 32, "the-secret-of-the-key"
SERVICE = "MG" + "2" * 32
OURS = ("+15005550006", "Shop")
"""The senders of the account."""
OPTED_OUT = "+442079460021"
LANDLINE = "+442079460022"
UNREACHABLE = "+442079460023"
FIELDS = {
    "To", "From", "MessagingServiceSid", "Body", "MediaUrl", "ContentSid", "ContentVariables", "StatusCallback",
    "ValidityPeriod", "SmartEncoded", "ProvideFeedback", "ShortenUrls", "SendAsMms", "RiskCheck", "SendAt",
    "ScheduleType", "MaxPrice",
}  # fmt: skip
_LOGINS = {f"{ACCOUNT}:{TOKEN}", f"{KEY}:{KEY_SECRET}"}


def error(status: int, code: int, message: str = "no") -> Refused:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return Refused(status, {"code": code, "message": message, "more_info": more, "status": status})


def _judge(numbers: Iterator[int], call: Call) -> tuple[int, dict[str, Any]]:
    scheme, _, given = call.headers.get("authorization", "").partition(" ")
    if scheme != "Basic" or base64.b64decode(given).decode() not in _LOGINS:
        raise error(401, 20003, "Authenticate")
    url = urlsplit(call.path)
    if url.path != f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json":
        raise error(404, 20404)
    if call.method == "GET":
        if not set(parse_qs(url.query)) <= {"PageSize", "Page", "PageToken", "To", "From", "DateSent"} or call.body:
            raise error(400, 20001)
        return 200, {"messages": [], "page": 0, "page_size": 1, "next_page_uri": None}
    if call.method != "POST" or url.query:
        raise error(405, 20004)
    if call.headers.get("content-type") != "application/x-www-form-urlencoded":
        raise error(400, 21604, "A 'To' phone number is required.")  # what Twilio says to a JSON body
    pairs = parse_qsl(call.body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict")
    form = dict(pairs)
    if len(form) != len(pairs) or not set(form) <= FIELDS:
        raise error(400, 20001, "unknown or repeated field")
    _check(form)
    sid = f"SM{next(numbers):032x}"
    service = "MessagingServiceSid" in form
    return 201, {
        "sid": sid,
        "account_sid": ACCOUNT,
        "to": form["To"],
        "from": form.get("From"),
        "body": form["Body"],
        "status": "accepted" if service else "queued",
        "num_segments": "0" if service else "1",
        "error_code": None,
        "error_message": None,
    }


def _check(form: dict[str, str]) -> None:
    to = form.get("To")
    if to is None:
        raise error(400, 21604)
    if not re.fullmatch(r"\+[1-9]\d{6,14}", to):
        raise error(400, 21211)
    if "From" not in form and "MessagingServiceSid" not in form:
        raise error(400, 21603)
    if "From" in form and form["From"] not in OURS:
        raise error(400, 21606)
    if "MessagingServiceSid" in form and form["MessagingServiceSid"] != SERVICE:
        raise error(404, 21701)
    if not form.get("Body"):
        raise error(400, 21602)
    if len(form["Body"]) > 1600:
        raise error(400, 21617)
    callback = form.get("StatusCallback")
    if callback is not None:
        parts = urlsplit(callback)
        if parts.scheme not in ("http", "https") or not parts.hostname or "_" in parts.hostname:
            raise error(400, 21609)
    refused = {OPTED_OUT: 21610, LANDLINE: 21635, UNREACHABLE: 21612}
    if to in refused:
        raise error(400, refused[to])


@contextlib.contextmanager
def twilio() -> Iterator[Fake]:
    numbers = itertools.count(1)
    with serving(Fake(lambda call: _judge(numbers, call))) as fake:
        yield fake


def sign(url: str, body: bytes, token: str = TOKEN) -> str:
    """How Twilio signs a form post to a URL: written here from its description, apart from what is tested."""
    fields: dict[str, set[str]] = {}
    for name, value in parse_qsl(body.decode(), keep_blank_values=True):
        fields.setdefault(name, set()).add(value)
    text = url
    for name in sorted(fields):
        for value in sorted(fields[name]):
            text += name + value
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()
