"""A provider's HTTP API: requests that carry a key, and a table that says what each refusal means."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import urlsplit

from segflow.errors import AmbiguousError, ConfigurationError, PermanentError, SendError, TransientError
from segflow.senders.shared.http import TRANSIENT, HttpAnswer, HttpClient

UNKNOWN_IN_A_ROW = 3
"""So many refusals in a row that the table does not have: nothing of this sender can work, it seems."""
IDLE = 4.0
"""Seconds after which a kept connection is not used again: a server closes it about then, and a request that meets
that leaves its outcome open."""


@dataclass(frozen=True)
class Said:
    """What the body of a refusal says, where it has the provider's own shape."""

    code: str
    """The provider's name or number of the fault; empty where it has none."""
    text: str


@dataclass(frozen=True)
class Fault:
    """A row of a table of errors: this status, with this code and these words in it, is that error."""

    status: int
    error: type[SendError]
    code: str | None = None
    """None: any."""
    words: tuple[str, ...] = ()
    """One of them is in the text, in any case of letters; none: whatever it says."""


@dataclass(frozen=True)
class Faults:
    """The errors of a provider. The first row that fits counts.

    A status from 500 on fits only where the body has the provider's own shape: a gateway may answer after the provider
    accepted. What no row has: redirects, 401 and 403 are ConfigurationError, 408, 425 and 429 TransientError, other
    refusals PermanentError, and all else is AmbiguousError.
    """

    rows: tuple[Fault, ...]
    read: Callable[[HttpAnswer], Said | None]
    """What a refusal says; None where it does not have the provider's shape. Never raises."""
    wait: Callable[[HttpAnswer, Said | None], float | None] = lambda answer, _: answer.retry_after
    """Seconds to wait after a TransientError, None where it does not say. Never raises."""

    def kind(self, status: int, said: Said | None) -> type[SendError] | None:
        """The error of a refusal, None when it is known to nobody."""
        if status < 500 or said is not None:
            for row in self.rows:
                code, text = (said.code, said.text.lower()) if said is not None else ("", "")
                fits = row.status == status and row.code in (None, code)
                if fits and (not row.words or any(word in text for word in row.words)):
                    return row.error
        if 300 <= status < 400 or status in (401, 403):
            return ConfigurationError
        if status in TRANSIENT:
            return TransientError
        return None if 400 <= status < 500 else AmbiguousError


class Api:
    """Asks one provider, one request at a time. No error of it holds a secret."""

    def __init__(self, sender: str, faults: Faults, *, timeout: float, secrets: Mapping[str, str | None]) -> None:
        """`sender`: its name, `secrets`: by the key of the settings. `timeout`: see `HttpClient`."""
        self._sender, self._faults = sender, faults
        self._secrets = {key: value for key, value in secrets.items() if value is not None}
        self._client = HttpClient(timeout=timeout)
        self._used = 0.0
        self._unknown = 0

    def ready(self) -> None:
        """Raise ConfigurationError when a secret cannot be one."""
        for key, value in self._secrets.items():
            if not value or not value.isascii() or not value.isprintable() or " " in value:
                raise ConfigurationError(f"sender {self._sender}: {key}: is empty, or holds what no key has in it")

    def close(self) -> None:
        self._client.close()

    def ask(self, url: str, *, headers: Mapping[str, str], body: bytes, method: str = "POST") -> HttpAnswer:
        """Make a request. Returns answers from 200 to 299; raises what `faults` says of all others, TransientError
        when the provider got nothing of it, AmbiguousError when it may have."""
        self.ready()
        if time.monotonic() - self._used > IDLE:
            self._client.close()
        try:
            answer = self._client.request(method, url, headers=headers, body=body)
        finally:
            self._used = time.monotonic()
        if not 200 <= answer.status < 300:
            self.refuse(answer)
        self._unknown = 0
        return answer

    def refuse(self, answer: HttpAnswer) -> NoReturn:
        """Raise what a refusal means."""
        said = self._faults.read(answer)
        raise self.error(answer.status, said, self._faults.wait(answer, said), answer)

    def error(
        self, status: int, said: Said | None, wait: float | None = None, answer: HttpAnswer | None = None
    ) -> SendError:
        """What a refusal means, of the whole request or of one message in it."""
        kind = self._faults.kind(status, said)
        text = said.text if said is not None else answer.body[:1000].decode("utf-8", "replace") if answer else ""
        if 300 <= status < 400:
            text = "redirects are not followed"
        reason = f"HTTP {status}" + (f" {said.code}" if said is not None and said.code else "")
        reason += f": {self._told(text)}" if text else ""
        self._unknown = 0 if kind is not None else self._unknown + 1
        if kind is None and self._unknown >= UNKNOWN_IN_A_ROW:
            self._unknown = 0
            return ConfigurationError(f"{UNKNOWN_IN_A_ROW} refusals in a row that nobody knows: {reason}")
        if kind is TransientError:
            return TransientError(reason, wait)
        return (kind or PermanentError)(reason)

    def _told(self, text: str) -> str:
        """What the provider said, in one line without secrets."""
        for secret in self._secrets.values():
            if len(secret) >= 6:
                text = text.replace(secret, "***")
        return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]


def is_api_url(text: str) -> bool:
    """True for https with a host, and for http to this machine: nothing else may carry a key."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    plain = not any(c.isspace() or not c.isprintable() for c in text) and not parts.query and not parts.fragment
    inside = host in ("localhost", "127.0.0.1", "::1")
    return bool(
        plain and host and not parts.username and (parts.scheme == "https" or (parts.scheme == "http" and inside))
    )


def parts_of(sizes: Sequence[int], most: int, bytes_at_most: int) -> list[range]:
    """Cut a run of things with these sizes into runs of at most `most` with at most `bytes_at_most` together. One that
    is larger than that is alone."""
    found, begin, held = [], 0, 0
    for index, size in enumerate(sizes):
        if index > begin and (index - begin >= most or held + size > bytes_at_most):
            found.append(range(begin, index))
            begin, held = index, 0
        held += size
    if begin < len(sizes):
        found.append(range(begin, len(sizes)))
    return found
