"""An `Email` as a MIME message, the same bytes each time, with nothing a value could smuggle into the headers."""

from __future__ import annotations

from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from segflow.errors import PermanentError
from segflow.messages import Email

# Python folds a long header by turning it into encoded words, which no client undoes in List-Unsubscribe and the like.
# Lines may have 998 bytes.
_POLICY = SMTP.clone(max_line_length=900)
_OURS = frozenset(
    {"from", "to", "cc", "bcc", "sender", "reply-to", "subject", "date", "message-id", "mime-version", "received"}
)


def address(text: str, what: str) -> Address:
    """Read `a@b` or `Name <a@b>`: exactly one address. Raises PermanentError."""
    _one_line(text, what)
    # Not email.utils.parseaddr: it reads `Tea, Inc <a@b>` as two addresses, and `a@b, c@d` as one.
    name, angle, spec = text.strip().rpartition("<") if text.strip().endswith(">") else ("", "", text.strip())
    try:
        parsed = Address(addr_spec=spec.removesuffix(">") if angle else spec)
        domain = parsed.domain if parsed.domain.isascii() else parsed.domain.encode("idna").decode()
    except (HeaderParseError, ValueError, IndexError) as error:
        raise PermanentError(f"{what} is not an email address: {text!r}") from error
    return Address(display_name=name.strip().strip('"'), username=parsed.username, domain=domain)


def to_mime(email: Email, default_from: str) -> EmailMessage:
    """Build the message. The Message-ID follows from `message_id`, so that receivers can tell a repeat.

    Raises PermanentError for header values with line breaks or NUL, for headers that segflow sets itself, and for
    addresses that are none.
    """
    sender = address(email.sender_address or default_from, "the From address")
    mime = EmailMessage(policy=_POLICY)
    mime["From"] = sender
    mime["To"] = Address(addr_spec=address(email.to, "the To address").addr_spec)
    mime["Subject"] = _one_line(email.subject, "the subject")
    if email.reply_to:
        mime["Reply-To"] = address(email.reply_to, "the Reply-To address")
    mime["Date"] = format_datetime(email.planned_at)
    mime["Message-ID"] = f"<{_one_line(email.message_id, 'the message id')}@{sender.domain}>"
    for name, value in email.headers.items():
        if name.lower() in _OURS or name.lower().startswith("content-"):
            raise PermanentError(f"header {name} is set by segflow")
        try:
            mime[_one_line(name, "a header's name")] = _one_line(value, f"header {name}")
        except ValueError as error:
            raise PermanentError(f"header {name} is not allowed: {error}") from error
    try:
        if email.text is not None:
            mime.set_content(email.text)
            if email.html is not None:
                mime.add_alternative(email.html, subtype="html")
                mime.set_boundary(f"=_{email.message_id}")
        else:
            mime.set_content(email.html or "", subtype="html")
    except UnicodeError as error:
        raise PermanentError(f"the content cannot be encoded: {error}") from error
    return mime


def _one_line(text: str, what: str) -> str:
    if any(c in text for c in "\r\n\0"):
        raise PermanentError(f"{what} holds a line break or NUL: {text!r}")
    return text
