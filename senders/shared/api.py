"""A provider's HTTP API: requests that carry a key, and a table that says what each refusal means."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from segflow.errors import AmbiguousError, ConfigurationError, SendError, TransientError
from segflow.senders.shared.faults import Fault, UnknownCodes, without
from segflow.senders.shared.http import TRANSIENT, HttpAnswer, HttpClient

MAX_ANSWER = 1_000_000
"""Bytes; the answer for a batch has a piece for each message of it."""
IDLE = 4.0
"""Seconds after which a kept connection is not used again: a server closes it about then, and a request that meets
that leaves its outcome open."""
_SHORTEST_SECRET = 6


@dataclass(frozen=True)
class Said:
    """What the body of a refusal says, where it has the provider's own shape."""

    code: str
    """The provider's name or number of the fault; empty where it has none."""
    text: str


@dataclass(frozen=True)
class Rule:
    """A row of a table of errors: this status, with this code and one of these words in it, is that fault."""

    status: int
    fault: Fault
    code: str | None = None
    """None: any."""
    words: tuple[str, ...] = ()
    """In lower case; none: whatever it says."""

    def fits(self, status: int, said: Said | None) -> bool:
        code, text = (said.code, said.text.lower()) if said is not None else ("", "")
        return (
            self.status == status
            and self.code in (None, code)
            and (not self.words or any(word in text for word in self.words))
        )


@dataclass(frozen=True)
class Rules:
    """The errors of a provider. The first row that fits counts.

    A status from 500 on fits only where the body has the provider's own shape: a gateway may answer after the provider
    accepted. What no row has: redirects, 401 and 403 are ConfigurationError, 408, 425 and 429 TransientError, 500 and
    more AmbiguousError; of other refusals each is a PermanentError, and the third in a row a ConfigurationError.
    """

    rows: tuple[Rule, ...]
    read: Callable[[HttpAnswer], Said | None]
    """What a refusal says; None where it does not have the provider's shape. Never raises."""
    wait: Callable[[HttpAnswer, Said | None], float | None] = lambda answer, _: answer.retry_after
    """Seconds to wait after a TransientError, None where it does not say. Never raises."""

    def fault(self, status: int, said: Said | None) -> Fault | None:
        """What the table says of a refusal."""
        if status >= 500 and said is None:
            return None
        return next((row.fault for row in self.rows if row.fits(status, said)), None)


class Api:
    """Asks one provider, one request at a time. No error of it holds a secret."""

    def __init__(self, sender: str, rules: Rules, *, timeout: float, secrets: Mapping[str, str | None]) -> None:
        """`sender`: its name, `secrets`: by the key of the settings. `timeout`: see `HttpClient`."""
        self._sender, self._rules = sender, rules
        self._secrets = {key: value for key, value in secrets.items() if value is not None}
        self._client = HttpClient(timeout=timeout, max_answer=MAX_ANSWER)
        self._used = 0.0
        self._unknown = UnknownCodes()

    def ready(self) -> None:
        """Raise ConfigurationError when a secret cannot be one."""
        for key, value in self._secrets.items():
            if not value or not value.isascii() or not value.isprintable() or " " in value:
                raise ConfigurationError(f"sender {self._sender}: {key}: is empty, or holds what no key has in it")

    def close(self) -> None:
        self._client.close()

    def ask(self, url: str, *, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        """POST. Returns answers from 200 to 299; raises what the rules say of all others, TransientError when the
        provider got nothing of it, AmbiguousError when it may have."""
        self.ready()
        if time.monotonic() - self._used > IDLE:
            self._client.close()
        try:
            answer = self._client.post(url, headers=headers, body=body)
        finally:
            self._used = time.monotonic()
        if not 200 <= answer.status < 300:
            self._refuse(answer)
        self._unknown.known()
        return answer

    def _refuse(self, answer: HttpAnswer) -> NoReturn:
        said = self._rules.read(answer)
        text = said.text if said is not None else answer.body[:1000].decode("utf-8", "replace")
        raise self.error(answer.status, said, text, self._rules.wait(answer, said))

    def error(self, status: int, said: Said | None, text: str, wait: float | None = None) -> SendError:
        """What a refusal means, of the whole request or of one message in it. `text`: what the provider told."""
        fault = self._rules.fault(status, said)
        code = f" {said.code}" if said is not None and said.code else ""
        told = without(text, [one for one in self._secrets.values() if len(one) >= _SHORTEST_SECRET])
        if 300 <= status < 400:
            told = "redirects are not followed"
        elif fault is not None and not told:
            told = fault.says
        reason = f"HTTP {status}{code}" + (f": {told}" if told else "")
        general = None if fault is not None else _general(status)
        if fault is None and general is None:
            return self._unknown.error(reason)
        self._unknown.known()
        if fault is not None:
            return fault.error(reason, wait)
        return TransientError(reason, wait) if general is TransientError else (general or AmbiguousError)(reason)


def _general(status: int) -> type[SendError] | None:
    """What a status means at any provider; None when nobody knows."""
    if 300 <= status < 400 or status in (401, 403):
        return ConfigurationError
    if status in TRANSIENT:
        return TransientError
    return None if 400 <= status < 500 else AmbiguousError


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
