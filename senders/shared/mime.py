"""An `Email` as a MIME message, the same bytes each time, with nothing a value could smuggle into the headers.

Built with the standard library's older classes: `EmailMessage` parses every header it is given and is four times
slower, which a mailbox of 100,000 files feels.
"""

from __future__ import annotations

import functools
import re
from base64 import encodebytes
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from email.charset import QP, Charset
from email.errors import HeaderParseError
from email.header import Header
from email.message import Message
from email.policy import compat32
from email.utils import format_datetime, formataddr
from urllib.parse import quote

from segflow.errors import PermanentError
from segflow.messages import Attachment, Email, read_address

# Lines may have 998 bytes. Short folding cuts long URLs in headers like List-Unsubscribe, which not all clients mend.
_LONGEST_LINE = 900
_MOST_IN_LINE = 990
_POLICY = compat32.clone(linesep="\r\n", max_line_length=_LONGEST_LINE)
_ASCII = Charset("us-ascii")
_UTF8 = Charset("utf-8")
_UTF8.body_encoding = QP
_ASCII_PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))
_SIMPLE = re.compile(r"[!-9;-~]+:(?: [!-~]+)+")
_BOUNDARY = re.compile(r"[A-Za-z0-9._-]+")
_BROKEN = re.compile(r"[\r\n\0]")
_LINE_END = re.compile(r"\r\n|\r|\n")
_OURS = frozenset(
    {"from", "to", "cc", "bcc", "sender", "reply-to", "subject", "date", "message-id", "mime-version", "received"}
)


@dataclass(frozen=True)
class Mime:
    """A message ready for the wire. `data` has CRLF line ends; `sender` and `to` are bare addresses; their
    domains are ASCII."""

    sender: str
    to: str
    message_id: str
    data: bytes
    needs_utf8: bool = False
    """An address has other characters than ASCII before its @: only servers with SMTPUTF8 take it."""


def to_mime(email: Email, default_from: str) -> Mime:
    """Build the message. The Message-ID follows from `message_id`, so that receivers can tell a repeat.

    Raises PermanentError for header values with line breaks or NUL, for headers that segflow sets itself, and for
    addresses that are none.
    """
    name, sender = _address(email.sender_address or default_from, "the From address")
    _, to = _address(email.to, "the To address")
    message_id = f"<{one_line(email.message_id, 'the message id')}@{sender.rpartition('@')[2]}>"
    headers = {
        "From": _header(name, sender),
        "To": _header("", to),
        "Subject": _text(email.subject, "the subject"),
        "Date": _date(email.planned_at, email.planned_at.tzinfo),
        "Message-ID": message_id,
    }
    if email.reply_to:
        headers["Reply-To"] = _header(*_address(email.reply_to, "the Reply-To address"))
    needs_utf8 = any(_has_raw_bytes(headers[name]) for name in ("From", "To", "Reply-To") if name in headers)
    for header, value in email.headers.items():
        if header.lower() in _OURS or header.lower().startswith("content-"):
            raise PermanentError(f"header {header} is set by segflow")
        headers[header] = header_value(header, value)
    try:
        data = _plainly(email, headers) or _body(email, headers).as_bytes(policy=_POLICY)
        return Mime(sender, to, message_id, data, needs_utf8)
    except (UnicodeError, HeaderParseError) as error:
        raise PermanentError(f"the message cannot be encoded: {error}") from error


def _plainly(email: Email, headers: dict[str, str]) -> bytes | None:
    """What the package makes of a message, at a tenth of the cost; None where it has to fold or to encode something."""
    lines = [f"{name}: {value}" for name, value in headers.items()]
    simple = all(line.isascii() and len(line) < _LONGEST_LINE and _SIMPLE.fullmatch(line) for line in lines)
    parts = [_written(content, kind) for content, kind in _texts(email)]
    if not simple or not parts or email.attachments or not _BOUNDARY.fullmatch(email.message_id):
        return None
    if len(parts) == 1:
        head, body = parts[0]
        return "\r\n".join([*lines, "MIME-Version: 1.0", *head, "", body]).encode("ascii")
    mark = f"=_{email.message_id[:60]}"
    lines += ["MIME-Version: 1.0", f'Content-Type: multipart/alternative; boundary="{mark}"', ""]
    for head, body in parts:
        lines += [f"--{mark}", *head, "", body]
    return "\r\n".join([*lines, f"--{mark}--", ""]).encode("ascii")


def _texts(email: Email) -> list[tuple[str, str]]:
    return [(text, kind) for text, kind in ((email.text, "plain"), (email.html, "html")) if text is not None]


def _written(content: str, subtype: str) -> tuple[list[str], str]:
    """A text as a part: its headers and its body."""
    charset, encoding = _charset(content), "7bit"
    text = content if content.endswith("\n") else content + "\n"
    if charset is _UTF8:
        encoding, text = "quoted-printable", str(_UTF8.body_encode(text.encode()))
    head = [
        f'Content-Type: text/{subtype}; charset="{charset.input_charset}"',
        f"Content-Transfer-Encoding: {encoding}",
    ]
    return head, "\r\n".join(_LINE_END.split(text))


def _charset(content: str) -> Charset:
    short = content.isascii() and all(len(line) <= _LONGEST_LINE for line in content.splitlines())
    return _ASCII if short else _UTF8


def header_value(header: str, value: str) -> str:
    """The value of a header in ASCII. Raises PermanentError when the name or the value cannot be one."""
    if not header.isascii() or not header.isprintable() or ":" in header or " " in header or not header:
        raise PermanentError(f"not a header name: {header!r}")
    what = f"header {header}"
    one_line(value, what)
    # Links stand in them, and a link in an encoded word is none.
    plain = quote(value, safe=_ASCII_PRINTABLE) if header.lower().startswith("list-") else value
    if any(len(header) + len(word) > _MOST_IN_LINE for word in plain.split()):
        raise PermanentError(f"{what} has a word that is longer than a line of an email may be")
    return _text(plain, what)


def _body(email: Email, headers: dict[str, str]) -> Message:
    parts: list[Message | str] = list(_parts(email))
    if not parts:
        raise PermanentError("the email has neither text nor html")
    first = parts[0]
    whole = first if len(parts) == 1 and isinstance(first, Message) else Message(policy=_POLICY)
    if len(parts) > 1:
        whole.add_header("Content-Type", "multipart/alternative", boundary=f"=_{email.message_id[:60]}")
        whole.set_payload(parts)
    if email.attachments:
        texts, whole = whole, Message(policy=_POLICY)
        # Neither boundary begins like the other one.
        whole.add_header("Content-Type", "multipart/mixed", boundary=f"=.{email.message_id[:60]}")
        whole.set_payload([texts, *(_attached(one) for one in email.attachments)])
    own = list(whole.items())
    for header, _ in own:
        del whole[header]
    for header, value in [*headers.items(), ("MIME-Version", "1.0"), *own]:
        whole[header] = value
    return whole


def _parts(email: Email) -> Iterator[Message]:
    for content, subtype in ((email.text, "plain"), (email.html, "html")):
        if content is None:
            continue
        charset = _charset(content)
        part = Message(policy=_POLICY)
        part.add_header("Content-Type", f"text/{subtype}", charset=charset.input_charset)
        part.set_payload(content if content.endswith("\n") else content + "\n", charset)
        del part["MIME-Version"]
        yield part


@functools.lru_cache(maxsize=64)
def _attached(attachment: Attachment) -> Message:
    """A file as a part. The same for all whom it goes to, so it is encoded once."""
    part = Message(policy=_POLICY)
    name = one_line(attachment.name, "the name of an attachment")
    part.add_header("Content-Type", attachment.content_type)
    part.add_header("Content-Disposition", "attachment", filename=name if name.isascii() else ("utf-8", "", name))
    part.set_payload(encodebytes(attachment.content).decode("ascii"))
    part["Content-Transfer-Encoding"] = "base64"
    return part


@functools.lru_cache(maxsize=100)
def _date(at: datetime, zone: tzinfo | None) -> str:
    """A time as a header has it: all messages of a tick have one. `zone` is its own: one instant in two zones is one
    key."""
    return format_datetime(at)


@functools.lru_cache(maxsize=1000)
def _address(text: str, what: str) -> tuple[str, str]:
    """Read `a@b` or `Name <a@b>`, exactly one: its name and its address with an ASCII domain."""
    one_line(text, what)
    try:
        return read_address(text)
    except ValueError as error:
        raise PermanentError(f"{what} is not an email address: {text!r}") from error


def _header(name: str, address: str) -> str:
    """An address as a header. One that is not ASCII is raw UTF-8 there (RFC 6532), as bytes that the package passes
    on."""
    if address.isascii():
        return formataddr((name, address))
    raw = address.encode().decode("ascii", "surrogateescape")
    return f"{formataddr((name, 'a@a')).rpartition('<')[0]}<{raw}>" if name else raw


def _has_raw_bytes(header: str) -> bool:
    return not header.isascii() and any("\udc80" <= character <= "\udcff" for character in header)


def _text(text: str, what: str) -> str:
    one_line(text, what)
    return text if text.isascii() else Header(text, "utf-8", maxlinelen=75, header_name=what).encode(linesep="")


def one_line(text: str, what: str) -> str:
    """A text that may stand in a header. Raises PermanentError."""
    if _BROKEN.search(text):
        raise PermanentError(f"{what} holds a line break or NUL: {text!r}")
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeError as error:
        raise PermanentError(f"{what} cannot be encoded: {text!r}") from error
    return text
