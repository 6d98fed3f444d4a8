"""Callbacks in the form of Standard Webhooks 1.0.0: who signed them, and what gateways of one's own tell.

{"type": "message.delivered", "timestamp": "2026-03-01T09:00:00Z",
 "data": {"message_id": "...", "channel": "sms", "address": "+44...", "detail": "...", "text": "...",
          "url": "https://...", "suppress": false}}
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, get_args

from segflow.messages import CONTACT_CHANNELS
from segflow.senders.callbacks import Callback, EventKind, ProviderEvent, RefusedCallbackError

TOLERANCE = 300.0
"""Seconds that a signature may be old, or early."""
PREFIX = "message."
KINDS: Mapping[str, EventKind] = {PREFIX + kind: kind for kind in get_args(EventKind)}
REPORTS: tuple[str, ...] = get_args(EventKind)
SUPPRESSING = ("complained", "unsubscribed")
"""Kinds after which the address gets nothing more unless `suppress` says otherwise."""
_TEXTS = ("message_id", "provider_id", "address", "detail", "text", "url")


def verify(secret: str, callback: Callback, names: str = "webhook") -> None:
    """Check the signature (`v1`, HMAC-SHA256 with a `whsec_...` key) and its age. `names`: what the headers begin with.

    Raises RefusedCallbackError.
    """
    given = {name: callback.headers.get(f"{names}-{name}", "") for name in ("id", "timestamp", "signature")}
    if missing := [name for name, value in given.items() if not value]:
        raise RefusedCallbackError(f"there is no {names}-{missing[0]}")
    stamp = given["timestamp"]
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 12):
        raise RefusedCallbackError(f"{names}-timestamp is not a number of seconds")
    if abs(callback.received_at.timestamp() - int(stamp)) > TOLERANCE:
        raise RefusedCallbackError(f"{names}-timestamp is more than {TOLERANCE:.0f} seconds away")
    if "." in given["id"]:
        raise RefusedCallbackError(f"{names}-id holds a dot")  # which would move what is signed
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError as error:
        raise RefusedCallbackError("secret is not a whsec_... key") from error
    if not key:
        raise RefusedCallbackError("secret is empty")
    signed = f"{given['id']}.{stamp}.".encode() + callback.body
    own = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    # Several while a key is being changed; other versions may stand among them.
    for one in given["signature"].split():
        version, _, value = one.partition(",")
        if version == "v1" and hmac.compare_digest(own, value.encode()):
            return
    raise RefusedCallbackError(f"{names}-signature does not match")


def events(callback: Callback) -> list[ProviderEvent]:
    """The event of a callback in the form above; none for a type that is not ours. Raises RefusedCallbackError."""
    try:
        told = json.loads(callback.body)
    except (ValueError, RecursionError) as error:  # among them what is no UTF-8
        raise RefusedCallbackError("the body is not JSON") from error
    if not isinstance(told, dict) or not isinstance(told.get("type"), str):
        raise RefusedCallbackError("the body has no type")
    kind = KINDS.get(told["type"])
    if kind is None:
        return []
    data = told.get("data")
    if not isinstance(data, dict):
        raise RefusedCallbackError("the body has no data")
    texts = {name: _text(data, name) for name in _TEXTS}
    if not any(texts[name] for name in ("message_id", "provider_id", "address")):
        raise RefusedCallbackError("data names no message_id, no provider_id and no address")
    channel = data.get("channel")
    if channel not in CONTACT_CHANNELS:
        raise RefusedCallbackError(f"data.channel is none of {', '.join(CONTACT_CHANNELS)}")
    suppress = data.get("suppress", kind in SUPPRESSING)
    if not isinstance(suppress, bool):
        raise RefusedCallbackError("data.suppress is neither true nor false")
    return [
        ProviderEvent(
            kind=kind,
            at=_instant(told.get("timestamp")),
            event_id=callback.headers["webhook-id"],
            channel=channel,
            suppress=suppress,
            **texts,
        )
    ]


def _text(data: Mapping[str, Any], name: str) -> str | None:
    value = data.get(name)
    if value is not None and not isinstance(value, str):
        raise RefusedCallbackError(f"data.{name} is not a text")
    return value or None


def _instant(value: Any) -> datetime:
    try:
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            raise RefusedCallbackError("timestamp has no zone")
        return at.astimezone(UTC)
    except (TypeError, ValueError, OverflowError) as error:
        raise RefusedCallbackError("timestamp is not ISO 8601") from error
