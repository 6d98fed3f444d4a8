"""Calls of Amazon SNS: whether Amazon signed them, and the answer to its question whether a topic is wanted."""

from __future__ import annotations

import base64
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from segflow.errors import SendError, TransientError
from segflow.senders.callbacks import Callback, CallbackAnswer, RefusedCallbackError
from segflow.senders.shared import calls
from segflow.senders.shared.http import HttpAnswer, HttpClient

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

OLDEST = timedelta(minutes=65)
"""SNS tries for an hour at most, with the time of the first try."""
TIMEOUT = 4.0
"""Seconds to fetch a certificate or to confirm: SNS waits 15 for an answer."""
_HOST = re.compile(r"sns\.[a-z0-9-]{3,}\.amazonaws\.com(\.cn)?")
_CERTIFICATES = 20
_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_SIGNED: dict[str, tuple[tuple[str, ...], ...]] = {
    "Notification": (_NOTIFICATION,),
    "SubscriptionConfirmation": (_CONFIRMATION,),
    # Amazon's pages and its own validator differ in whether the token is signed here.
    "UnsubscribeConfirmation": (_CONFIRMATION, _NOTIFICATION),
}
"""Type -> the keys that are signed, in the order in which they are."""


class Sns:
    """What one sender hears of one topic. Anybody's topic has a valid signature of Amazon: only its own counts."""

    def __init__(self, sender: str, topic_arn: str | None) -> None:
        self._sender, self._topic_arn = sender, topic_arn
        self._keys: dict[str, RSAPublicKey] = {}

    def verify(self, callback: Callback) -> None:
        """Raise RefusedCallbackError unless Amazon signed the call lately, for this topic; TransientError when its key
        could not be fetched: SNS calls again unless the call is refused."""
        told = calls.json_of(callback)
        if self._topic_arn is None:
            raise RefusedCallbackError(f"sender {self._sender} has no topic_arn:")
        if calls.part(told, "TopicArn") != self._topic_arn:
            raise RefusedCallbackError("it comes from another topic than that of topic_arn:")
        calls.check_age(calls.instant(calls.part(told, "Timestamp")), callback, oldest=OLDEST)
        self._check_signature(told)

    def answer(self, callback: Callback) -> CallbackAnswer | None:
        """Confirm the subscription of the topic, and take note that one ended. None for a notification."""
        told = calls.json_of(callback)
        kind = calls.part(told, "Type")
        if kind == "Notification":
            return None
        self.verify(callback)
        if kind == "SubscriptionConfirmation":
            got = self._get(calls.part(told, "SubscribeURL"), "SubscribeURL")
            if got.status != 200:
                raise TransientError(f"the subscription could not be confirmed: HTTP {got.status}")
        return CallbackAnswer()

    def _check_signature(self, told: dict[str, Any]) -> None:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA1, SHA256

        digest = {"1": SHA1, "2": SHA256}.get(str(told.get("SignatureVersion")))
        lists = _SIGNED.get(str(told.get("Type")))
        if digest is None or lists is None:
            raise RefusedCallbackError("its Type or SignatureVersion is none that is known")
        try:
            signature = base64.b64decode(str(told.get("Signature")), validate=True)
        except ValueError as error:
            raise RefusedCallbackError("its signature cannot be read") from error
        key = self._key(told.get("SigningCertURL"))
        for names in lists:
            try:
                key.verify(signature, _signed(told, names), PKCS1v15(), digest())
            except InvalidSignature:
                continue
            return
        raise RefusedCallbackError("its signature is not Amazon's")

    def _key(self, url: Any) -> RSAPublicKey:
        """The key of the certificate at this URL, fetched once."""
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.x509 import load_pem_x509_certificate

        _check_url(url, "SigningCertURL")
        if not urlsplit(url).path.endswith(".pem"):
            raise RefusedCallbackError("its SigningCertURL is no certificate")
        if url not in self._keys:
            got = self._get(url, "SigningCertURL")
            if got.status != 200:
                raise TransientError(f"the certificate cannot be fetched: HTTP {got.status}")
            try:
                key = load_pem_x509_certificate(got.body).public_key()
            except Exception as error:
                raise TransientError("the certificate cannot be read") from error
            if not isinstance(key, RSAPublicKey):
                raise RefusedCallbackError("the certificate is not for RSA")
            if len(self._keys) >= _CERTIFICATES:
                self._keys.clear()
            self._keys[url] = key
        return self._keys[url]

    def _get(self, url: Any, what: str) -> HttpAnswer:
        """GET a URL of SNS's own host, without redirects and in bounded time and size. Raises TransientError."""
        _check_url(url, what)
        client = HttpClient(timeout=TIMEOUT, keep_alive=False)
        try:
            return client.request("GET", url, headers={"Accept": "*/*"}, repeatable=True)
        except SendError as error:
            raise TransientError(f"{what}: {error.reason}") from error
        finally:
            client.close()


def _check_url(url: Any, what: str) -> None:
    """Raise RefusedCallbackError unless a URL is one of SNS's own hosts."""
    try:
        parts = urlsplit(url) if isinstance(url, str) and url.isprintable() and " " not in url else None
        right = parts is not None and parts.scheme == "https" and parts.port in (None, 443)
    except ValueError:
        parts, right = None, False
    host = (parts.hostname or "") if parts is not None else ""
    # The host of another's URL must not hide behind a name, a password or a backslash.
    bare = parts is not None and parts.netloc.lower() in (host, f"{host}:443")
    if not right or not bare or not _HOST.fullmatch(host):
        raise RefusedCallbackError(f"its {what} does not lead to SNS")


def _signed(told: dict[str, Any], names: tuple[str, ...]) -> bytes:
    """What is signed: each key that is there and its value, a line each."""
    lines = [(name, told[name]) for name in names if told.get(name) is not None]
    return "".join(f"{name}\n{value}\n" for name, value in lines).encode("utf-8", "surrogatepass")
