"""What a provider's error codes mean to us, kept as tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

from segflow.errors import AmbiguousError, ConfigurationError, PermanentError, SendError, TransientError

_UNKNOWN_AT_MOST = 3
Kind = Literal["transient", "permanent", "configuration", "ambiguous"]


@dataclass(frozen=True)
class Fault:
    """What a code means. `says`: in a few words of ours."""

    kind: Kind
    says: str
    unsubscribed: bool = False
    """Of a permanent one: the recipient has opted out at the provider, and may come back."""
    suppress: str | None = None
    """Of a permanent one: why nothing must be sent to the address again."""
    of_message: bool = False
    """Of a transient one: it says nothing of how the provider is; other messages go on."""
    wait: float | None = None
    """Of a transient one: seconds to wait at least, where the provider itself does not say."""

    def error(self, detail: str, retry_after: float | None = None) -> SendError:
        """What to raise. `retry_after`: seconds, as the answer said it."""
        if self.kind == "transient":
            return TransientError(detail, self.wait if retry_after is None else retry_after, of_message=self.of_message)
        if self.kind == "permanent":
            return PermanentError(detail, unsubscribed=self.unsubscribed, suppress=self.suppress)
        return AmbiguousError(detail) if self.kind == "ambiguous" else ConfigurationError(detail)


def permanent(says: str, *, unsubscribed: bool = False, suppress: str | None = None) -> Fault:
    return Fault("permanent", says, unsubscribed=unsubscribed, suppress=suppress)


def transient(says: str, *, wait: float | None = None, of_message: bool = False) -> Fault:
    return Fault("transient", says, wait=wait, of_message=of_message)


def ambiguous(says: str) -> Fault:
    return Fault("ambiguous", says)


def configuration(says: str) -> Fault:
    return Fault("configuration", says)


class UnknownCodes:
    """Refusals that no table has: each fails its message, and the third in a row stops the sender, because it is hardly
    about the messages then."""

    def __init__(self) -> None:
        self._in_a_row = 0

    def known(self) -> None:
        """An answer that was understood."""
        self._in_a_row = 0

    def error(self, detail: str) -> SendError:
        self._in_a_row += 1
        if self._in_a_row < _UNKNOWN_AT_MOST:
            return PermanentError(detail)
        self._in_a_row = 0
        return ConfigurationError(f"{detail} (the third refusal in a row that is not known)")


def without(text: str, secrets: Iterable[str | None]) -> str:
    """A text of the provider's, one line and brief, without what it must not repeat."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]


def safe_base(url: str) -> bool:
    """True for a URL that credentials may be sent to: https, or http on this machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if not host or parts.query or parts.fragment or parts.username is not None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _here(host))


def _here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
