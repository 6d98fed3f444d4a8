"""Mailgun: POST /v3/DOMAIN/messages, and its webhooks."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from segflow.senders.callbacks import Callback
from tests.senders.servers import Call

from .base import NOW, Fake, RefusedError, Reply, basic, callback, reply

KEY = "mailgun-k3y"
SIGNING_KEY = "mailgun-s1gning"
DOMAIN = "mg.shop.example"
_FIELDS = frozenset(
    {"from", "to", "cc", "bcc", "subject", "text", "html", "amp-html", "template", "recipient-variables"}
)
_OPTIONS = ("o:", "h:", "v:", "t:")
_ADDRESS = re.compile(r'(?:[^<>]*<)?[^\s@<>"]+@[^\s@<>]+\.[^\s@<>]+?>?')


class FakeMailgun(Fake):
    def __init__(self) -> None:
        super().__init__()
        self.leaks = 0
        """Requests that showed several recipients to each other."""

    def accept(self, call: Call) -> tuple[list[dict[str, Any]], Reply]:
        if not re.fullmatch(r"/v3/[^/]+/messages", call.path):
            raise RefusedError(reply(200, "Mailgun Magnificent API"))
        if call.method != "POST":
            raise RefusedError(reply(405))
        if call.headers.get("authorization") != basic(f"api:{KEY}"):
            raise RefusedError(reply(401, "Forbidden"))
        if call.path != f"/v3/{DOMAIN}/messages":
            raise RefusedError(reply(404, {"message": "Domain not found: other.example"}))
        kind, files = call.headers.get("content-type", ""), []
        if kind.startswith("multipart/form-data; boundary="):
            pairs, files = _parts(kind, call.body)
        elif kind == "application/x-www-form-urlencoded":
            pairs = parse_qsl(call.body.decode(), keep_blank_values=True, strict_parsing=True)
        else:
            raise RefusedError(reply(400, {"message": "neither a form nor multipart"}))
        fault = self._wrong(pairs)
        if fault is not None:
            raise RefusedError(reply(400, {"message": fault}))
        if sum(len(value.encode()) for _, value in pairs) + sum(len(one[2]) for one in files) > 25_000_000:
            raise RefusedError(reply(413))
        told = {"id": f"<{len(self.mails)}.20260301@{DOMAIN}>", "message": "Queued. Thank you."}
        return [dict(pairs) | ({"attachments": files} if files else {})], reply(200, told)

    def _wrong(self, pairs: list[tuple[str, str]]) -> str | None:
        names = [name for name, _ in pairs]
        fields = dict(pairs)
        if unknown := next((n for n in names if n not in _FIELDS and not n.startswith(_OPTIONS)), None):
            return f"unknown parameter {unknown}"
        if missing := next((one for one in ("from", "to", "subject") if not fields.get(one)), None):
            return f"'{missing}' parameter is missing"
        if not fields.get("text") and not fields.get("html") and not fields.get("template"):
            return "Need at least one of 'text', 'html', 'template' parameters specified"
        if "html" in fields and "template" in fields:
            return "html and template"
        to = [one.strip() for name, value in pairs if name == "to" for one in value.split(",")]
        if bad := next((one for one in to if not _ADDRESS.fullmatch(one)), None):
            return f"'to' parameter is not a valid address: {bad}"
        if len(to) > 1000:
            return "more than 1000 recipients"
        if "recipient-variables" in fields:
            try:
                told = json.loads(fields["recipient-variables"])
            except ValueError:
                return "recipient-variables is not JSON"
            if not isinstance(told, dict) or set(told) - set(to):
                return "recipient-variables names others than `to`"
        elif len(to) > 1:
            self.leaks += 1
        if sum(len(f"{n}{v}".encode()) for n, v in pairs if n.startswith(_OPTIONS)) > 16 * 1024:
            return "o:, h:, v: and t: parameters are larger than 16 KB"
        return None


def _parts(kind: str, body: bytes) -> tuple[list[tuple[str, str]], list[tuple[str, str, bytes]]]:
    """The fields, and the (name, type, content) of the files. A file without a name is dropped in silence."""
    boundary = kind.partition("boundary=")[2].encode()
    fields: list[tuple[str, str]] = []
    files: list[tuple[str, str, bytes]] = []
    first, *parts, last = body.split(b"--" + boundary)
    if first or last.strip() != b"--":
        raise RefusedError(reply(400, {"message": "the parts cannot be read"}))
    for part in parts:
        head, _, content = part.removeprefix(b"\r\n").removesuffix(b"\r\n").partition(b"\r\n\r\n")
        lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        said = dict(re.findall(r'(\w+)="([^"]*)"', lines["Content-Disposition"]))
        if said["name"] not in ("attachment", "inline"):
            fields.append((said["name"], content.decode()))
        elif said.get("filename"):
            files.append((said["filename"], lines["Content-Type"], content))
    return fields, files


def event(name: str, *, at: datetime = NOW, key: str = SIGNING_KEY, token: str = "t1", **fields: Any) -> Callback:
    """A call of a webhook. The signature is over the time and the token."""
    stamp = str(int(at.timestamp()))
    signature = hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    data = {"event": name, "id": "G9Bn5sl1TC6nu79C8C0bwg", "timestamp": at.timestamp() + 0.25, **fields}
    return callback({"signature": {"timestamp": stamp, "token": token, "signature": signature}, "event-data": data})
