"""Reading what providers tell: times, addresses and links of their events, whatever shape these have."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from segflow.senders.callbacks import Callback, RefusedCallbackError

TOLERANCE = timedelta(minutes=5)
"""How far the time in a signature may be from that of the call, where the provider names none."""
_LONGEST, _LONGEST_URL = 500, 8_000


def json_of(callback: Callback) -> Any:
    """The body as JSON. Raises RefusedCallbackError."""
    try:
        return json.loads(callback.body)
    except (ValueError, RecursionError) as error:
        raise RefusedCallbackError("the body is not JSON") from error


def objects_of(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; of anything else, none."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def part(value: Any, *path: str) -> Any:
    """What stands at a path of names in nested objects; None where there is nothing."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def text(value: Any) -> str | None:
    """A text that is not empty and not too long, None for all else. Numbers are written out."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value if isinstance(value, str) and 0 < len(value) <= _LONGEST else None


def address(value: Any) -> str | None:
    """An address, None for what is none."""
    found = text(value)
    return found if found is not None and "@" in found else None


def instant(value: Any) -> datetime | None:
    """A time as seconds since 1970 or as ISO 8601 (UTC, if it does not say); None for what is neither."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        if isinstance(value, str):
            found = datetime.fromisoformat(value.strip())
            return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None


def seconds(value: str | None) -> datetime | None:
    """A text of digits as seconds since 1970."""
    return instant(int(value)) if value and value.isascii() and value.isdigit() and len(value) < 12 else None


def check_age(
    at: datetime | None, callback: Callback, oldest: timedelta = TOLERANCE, newest: timedelta = TOLERANCE
) -> None:
    """Raise RefusedCallbackError unless a time lies near that of the call."""
    if at is None:
        raise RefusedCallbackError("it has no time that can be read")
    if callback.received_at - at > oldest:
        raise RefusedCallbackError("it is too old")
    if at - callback.received_at > newest:
        raise RefusedCallbackError("its time lies in the future")


def same(given: str | None, right: str) -> bool:
    """Whether two secrets are one, in a time that tells nothing of where they differ."""
    return hmac.compare_digest((given or "").encode("utf-8", "surrogateescape"), right.encode())


def link(value: Any) -> str | None:
    """A URL without its query and fragment, which may tell who clicked."""
    found = text(value) or (value[:_LONGEST] if isinstance(value, str) and value else None)
    if found is None:
        return None
    try:
        parts = urlsplit(found)
        return urlunsplit((parts.scheme, parts.hostname or "", parts.path, "", ""))[:200]
    except ValueError:
        return None


def url(value: Any) -> str | None:
    """A URL as it is, query and all; None for what is none, or too long to be one."""
    return value if isinstance(value, str) and 0 < len(value) <= _LONGEST_URL else None


def made_id(*parts: Any) -> str:
    """An id of what has none: the same for the same parts."""
    return hashlib.sha256(json.dumps([str(one) for one in parts]).encode()).hexdigest()
