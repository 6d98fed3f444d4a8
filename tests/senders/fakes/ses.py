"""Amazon SES, version 2: SendEmail, with its signature computed again from what arrived; and SNS, which calls back."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from segflow.senders.callbacks import Callback
from tests.senders.servers import Call

from .base import BASE64, FULL, NOW, TEXT, Fake, RefusedError, Reply, callback, objects, reply, wrong

KEY_ID, SECRET = "AKIATESTS", "ses/s3cret+of/the/tests"
REGION = "eu-west-1"
TOPIC = f"arn:aws:sns:{REGION}:123456789012:segflow"
HOST = f"sns.{REGION}.amazonaws.com"
_DATA = objects({"Data": TEXT}, {"Charset": FULL})
_HEADER = objects({"Name": {**TEXT, "pattern": r"^[!-9;-~]{1,126}$"}, "Value": {**TEXT, "pattern": r"^[ -~]{1,995}$"}})
_ATTACHMENT = objects(
    {"FileName": {**FULL, "maxLength": 255, "pattern": r"[^.]\.[^.]+$"}, "RawContent": BASE64},
    {
        "ContentType": {**FULL, "maxLength": 78},
        "ContentDisposition": {"enum": ["ATTACHMENT", "INLINE"]},
        "ContentDescription": {**TEXT, "maxLength": 1000},
        "ContentId": {**FULL, "maxLength": 78},
        "ContentTransferEncoding": {"enum": ["BASE64", "QUOTED_PRINTABLE", "SEVEN_BIT"]},
    },
)
_SIMPLE = objects(
    {"Subject": _DATA, "Body": objects({}, {"Text": _DATA, "Html": _DATA})},
    {
        "Headers": {"type": "array", "items": _HEADER, "maxItems": 15},
        "Attachments": {"type": "array", "items": _ATTACHMENT},
    },
)
_TEMPLATE = objects({"TemplateData": FULL}, {"TemplateName": FULL, "TemplateArn": FULL, "TemplateContent": {}})
_PEOPLE = {"type": "array", "items": FULL}
_TAG = {"type": "string", "pattern": r"^[A-Za-z0-9_-]{1,256}$"}
_EMAIL = objects(
    {"Content": objects({}, {"Simple": _SIMPLE, "Raw": objects({"Data": FULL}), "Template": _TEMPLATE})},
    {
        "FromEmailAddress": FULL,
        "Destination": objects({}, {"ToAddresses": _PEOPLE, "CcAddresses": _PEOPLE, "BccAddresses": _PEOPLE}),
        "ReplyToAddresses": _PEOPLE,
        "FeedbackForwardingEmailAddress": FULL,
        "EmailTags": {"type": "array", "items": objects({"Name": _TAG, "Value": _TAG})},
        "ConfigurationSetName": FULL,
        "ListManagementOptions": {"type": "object"},
        "TenantName": FULL,
        "EndpointId": FULL,
    },
)
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([a-z0-9-]+)/ses/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?"
    r"Signature=([0-9a-f]{64})"
)
_ADDRESS = re.compile(r"(?:[^<>]*<)?[!-~]+@[!-~]+\.[!-~]+?>?")


def error(status: int, name: str, message: str = "told by the test") -> Reply:
    return reply(status, {"message": message}, x_amzn_ErrorType=f"{name}:http://internal.amazon.com/")


class FakeSes(Fake):
    def __init__(self) -> None:
        super().__init__()
        self.session_token: str | None = None

    def accept(self, call: Call) -> tuple[list[dict[str, Any]], Reply]:
        if call.path != "/v2/email/outbound-emails" or call.method != "POST":
            raise RefusedError(error(404, "UnknownOperationException"))
        self._check_signature(call)
        try:
            told = json.loads(call.body)
        except ValueError:
            raise RefusedError(error(400, "SerializationException")) from None
        fault = wrong(_EMAIL, told) or _wrong(told)
        if fault is not None:
            raise RefusedError(error(400, "BadRequestException", fault))
        return [told], reply(200, {"MessageId": f"0102018e-{len(self.mails):06d}"})

    def _check_signature(self, call: Call) -> None:
        """Signature Version 4, from Amazon's description of it."""
        found = _AUTHORIZATION.fullmatch(call.headers.get("authorization", ""))
        if found is None:
            raise RefusedError(error(403, "MissingAuthenticationTokenException"))
        key_id, day, region, names, given = found.groups()
        stamp = call.headers.get("x-amz-date", "")
        signed = names.split(";")
        if (
            key_id != KEY_ID
            or region != REGION
            or not stamp.startswith(day)
            or call.headers.get("x-amz-security-token") != self.session_token
        ):
            raise RefusedError(error(403, "UnrecognizedClientException"))
        if abs(datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) - datetime.now(UTC)) > timedelta(
            minutes=5
        ):
            raise RefusedError(error(403, "InvalidSignatureException", "Signature expired"))
        amazon = {name for name in call.headers if name.startswith("x-amz-")}
        if signed != sorted(signed) or not {"host", "content-type", *amazon} <= set(signed):
            raise RefusedError(error(403, "InvalidSignatureException", "a header must be signed"))
        canonical = "\n".join(
            [call.method, call.path, "", *(f"{name}:{' '.join(call.headers[name].split())}" for name in signed), "",
             names, hashlib.sha256(call.body).hexdigest()]
        )  # fmt: skip
        scope = f"{day}/{region}/ses/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = f"AWS4{SECRET}".encode()
        for one in (day, region, "ses", "aws4_request"):
            key = hmac.new(key, one.encode(), hashlib.sha256).digest()
        if hmac.new(key, text.encode(), hashlib.sha256).hexdigest() != given:
            raise RefusedError(error(403, "InvalidSignatureException", "The request signature does not match"))


def _wrong(told: dict[str, Any]) -> str | None:
    content = told["Content"]
    if len(content) != 1:
        return "Content: exactly one of Simple, Raw, Template"
    people = [who for part in told.get("Destination", {}).values() for who in part]
    if not people and "Raw" not in content:
        return "Destination: nobody"
    if len(people) > 50:
        return "Destination: more than 50 recipients"
    if bad := next((who for who in people if not _ADDRESS.fullmatch(who)), None):
        return f"Destination: Local address contains control or whitespace, or letters: {bad}"
    if len(json.dumps(told)) > 40_000_000:
        return "larger than 40 MB"
    if "Simple" in content:
        for one in content["Simple"].get("Attachments", []):
            plain = base64.b64decode(one["RawContent"]).isascii()
            if one.get("ContentTransferEncoding", "SEVEN_BIT") == "SEVEN_BIT" and not plain:
                return f"Attachments: {one['FileName']} has not seven bits"
        if not content["Simple"]["Body"]:
            return "Body: empty"
        if any(len(one["Name"]) + len(one["Value"]) > 996 for one in content["Simple"].get("Headers", [])):
            return "Headers: too long"
    if "Template" in content:
        try:
            json.loads(content["Template"]["TemplateData"])
        except ValueError:
            return "TemplateData: not JSON"
    return None


class FakeSns:
    """Amazon's host for certificates and confirmations, behind a proxy on loopback that ends TLS for it."""

    def __init__(self, folder: Path) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.certificate = _certificate(self.key, HOST)
        self.asked: list[str] = []
        """Host and path of each request."""
        self.status = 200
        self.ca = folder / "ca.pem"
        self.body = self.certificate.public_bytes(Encoding.PEM)
        """What it answers; the certificate, unless a test wants otherwise."""
        self.ca.write_bytes(self.body)
        self._key_file = folder / "key.pem"
        self._key_file.write_bytes(
            self.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        )

    @contextlib.contextmanager
    def running(self) -> Iterator[str]:
        """The URL of the proxy."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca, self._key_file)
        listener = socket.create_server(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, contextlib.suppress(OSError):
                    host = _head(connection).split()[1].decode()
                    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                    with context.wrap_socket(connection, server_side=True) as secure:
                        self.asked.append(host + _head(secure).split()[1].decode())
                        body = self.body
                        head = f"HTTP/1.1 {self.status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                        secure.sendall(head.encode() + body)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            thread.join(5)

    def call(self, kind: str = "Notification", *, version: str = "1", at: datetime = NOW, **changes: Any) -> Callback:
        """A call as SNS makes it, signed after `changes`; a key of the value None is left out. What begins with `_` is
        put in after signing."""
        told: dict[str, Any] = {
            "Type": kind,
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": TOPIC,
            "Timestamp": at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "SignatureVersion": version,
            "SigningCertURL": f"https://{HOST}/SimpleNotificationService-7ff5318490ec183fbaddaa2a969abfda.pem",
        }
        if kind == "Notification":
            told |= {"Subject": None, "Message": "{}", "UnsubscribeURL": f"https://{HOST}/?Action=Unsubscribe"}
        else:
            told |= {"Message": "You have chosen to subscribe", "Token": "2336412f37f"}
            told["SubscribeURL"] = f"https://{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37f"
        told |= {name: value for name, value in changes.items() if not name.startswith("_")}
        told = {name: value for name, value in told.items() if value is not None or name == "Subject"}
        names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
        if kind == "UnsubscribeConfirmation" and changes.get("_without_token"):
            names = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
        text = "".join(f"{name}\n{told[name]}\n" for name in names if told.get(name) is not None)
        digest = SHA1() if version == "1" else SHA256()
        told["Signature"] = base64.b64encode(self.key.sign(text.encode(), PKCS1v15(), digest)).decode()
        told |= {name[1:]: value for name, value in changes.items() if name.startswith("_")}
        headers = {"Content-Type": "text/plain; charset=UTF-8", "x-amz-sns-message-type": kind}
        return callback(told, headers)


def _head(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(4096)
        if not part:
            raise OSError("closed")
        data += part
    return data


def _certificate(key: rsa.RSAPrivateKey, host: str) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
