"""Email through an SMTP server."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from segflow.errors import AmbiguousError, ConfigurationError, PermanentError, TransientError
from segflow.messages import AnyMessage, Email, Receipt
from segflow.senders.base import Sender, SenderSettings
from segflow.senders.shared.deadline import Deadline
from segflow.senders.shared.mime import Mime, to_mime
from segflow.spec_model import Number

TOTAL_TIMEOUTS = 4
"""A message takes at most this many times `timeout`, connecting included."""

_LOGIN_WANTED = (530, 534, 535, 538)
_DEAD = ("5.1.1 ", "5.1.2 ", "5.1.6 ")
"""What a refused recipient's answer begins with when there is no such mailbox or domain, or it has moved (RFC 3463).
Other refusals (policy, a full mailbox) say nothing of the next message."""


class SmtpSettings(SenderSettings):
    """Email through an SMTP server."""

    channels = ("email",)
    sends_attachments = True
    type: Literal["smtp"]
    host: str
    """The server's name."""
    port: Annotated[int, Field(ge=1, le=65535, strict=False)] = 587
    """May be a text of digits, because `${env:NAME}` always gives a text."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """starttls: the connection is made secure before anything is said. tls: from the start. none: only on this machine
    or in a network of your own."""
    username: str | None = None
    """Who logs in; nobody when left out."""
    password: str | None = None
    """As ${env:NAME}."""
    from_: str = Field(alias="from")
    """Who emails come from when a step does not say."""
    timeout: Number = 30
    """Seconds for each network operation."""

    @model_validator(mode="after")
    def _both(self) -> SmtpSettings:
        if (self.username is None) != (self.password is None):
            raise PydanticCustomError("smtp", "username: and password: go together")
        return self


class SmtpSender(Sender):
    """Keeps one connection while it is open, and makes a new one when the server closed it.

    Not idempotent: few servers recognise a repeated Message-ID. `timeout` is in seconds, for each network operation.
    """

    settings = SmtpSettings

    def __init__(
        self,
        name: str,
        *,
        host: str,
        port: int,
        from_: str,
        security: Literal["starttls", "tls", "none"] = "starttls",
        username: str | None = None,
        password: str | None = None,
        timeout: float = 30,
    ) -> None:
        super().__init__(name)
        self._host, self._port, self._security, self._timeout = host, port, security, timeout
        self._login = (username, password) if username is not None and password is not None else None
        self._from = from_
        self._local_name: str | None = None
        self._client: _Client | None = None

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.leave()

    def checks(self) -> str:
        how = {"starttls": "STARTTLS", "tls": "TLS", "none": "no encryption"}[self._security]
        login = f"logs in as {self._login[0]}" if self._login is not None else "does not log in"
        return f"connects to {self._host}:{self._port} with {how}, {login}, says NOOP and leaves"

    def check(self) -> str:
        with Deadline(self._timeout * TOTAL_TIMEOUTS) as deadline:
            try:
                client, _ = self._connected(deadline)
                client.ehlo_or_helo_if_needed()
                code, text = client.noop()
            except (OSError, smtplib.SMTPException) as error:
                raise TransientError(f"the connection was lost: {error or type(error).__name__}") from error
            finally:
                extras = self._client.esmtp_features if self._client is not None else {}
                self.close()
        if code != 250:
            raise _by_code(code, text, "the server refused NOOP")
        offers = [name.upper() for name in ("starttls", "size", "smtputf8", "8bitmime") if name in extras]
        return f"{self._host}:{self._port} says {code} {_text(text)}; it offers {', '.join(offers) or 'no extensions'}"

    def send(self, message: AnyMessage) -> Receipt:
        if not isinstance(message, Email):
            raise PermanentError(f"SMTP sends email, not {message.channel}")
        mime = to_mime(message, self._from)
        with Deadline(self._timeout * TOTAL_TIMEOUTS) as deadline:
            client, kept = self._connected(deadline)
            try:
                return self._hand_over(client, mime, deadline)
            except _Lost as lost:
                self.close()
                if lost.handed_over:
                    raise AmbiguousError(f"the connection was lost after the message was sent: {lost}") from lost
                if not kept or deadline.expired:
                    raise TransientError(f"the connection was lost: {lost}") from lost
            # A kept connection that the server closed while idle says nothing about the server: try a fresh one once.
            client, _ = self._connected(deadline)
            try:
                return self._hand_over(client, mime, deadline)
            except _Lost as lost:
                self.close()
                error = AmbiguousError if lost.handed_over else TransientError
                raise error(f"the connection was lost: {lost}") from lost

    def _connected(self, deadline: Deadline) -> tuple[_Client, bool]:
        if self._client is not None:
            deadline.watch(self._client.handle)
            return self._client, True
        where = f"{self._host}:{self._port}"
        context = ssl.create_default_context() if self._security != "none" else None
        # Asking for this machine's full name can take seconds, so it is asked once.
        self._local_name = self._local_name or socket.getfqdn()
        client = _Client(self._local_name, self._timeout, deadline, context if self._security == "tls" else None)
        try:
            code, text = client.connect(self._host, self._port)
            if code != 220:
                raise smtplib.SMTPConnectError(code, text)
            if context is not None and self._security == "starttls":
                client.starttls(context=context)
            if self._login is not None:
                client.login(*self._login)
        except smtplib.SMTPAuthenticationError as error:
            client.leave()
            if 400 <= error.smtp_code < 500:
                raise TransientError(f"{where} refused the login for now: {_said(error)}") from error
            raise ConfigurationError(f"{where} refused the login: {_said(error)}") from error
        except smtplib.SMTPNotSupportedError as error:
            client.leave()
            raise ConfigurationError(f"{where}: {error}") from error
        except ssl.SSLCertVerificationError as error:
            client.leave()
            raise ConfigurationError(f"{where}: {error.verify_message}") from error
        except socket.gaierror as error:
            client.leave()
            if error.errno == socket.EAI_AGAIN:
                raise TransientError(f"{self._host} could not be looked up: {error.strerror}") from error
            raise ConfigurationError(f"there is no host {self._host}: {error.strerror}") from error
        except smtplib.SMTPResponseException as error:
            client.leave()
            if 400 <= error.smtp_code < 500:
                raise TransientError(f"{where} is not ready: {_said(error)}") from error
            raise ConfigurationError(f"{where} refused the connection: {_said(error)}") from error
        except (OSError, smtplib.SMTPException) as error:
            client.leave()
            raise TransientError(f"cannot connect to {where}: {error or type(error).__name__}") from error
        except BaseException:
            client.leave()
            raise
        self._client = client
        return client, False

    def _hand_over(self, client: _Client, mime: Mime, deadline: Deadline) -> Receipt:
        with _lost_as(handed_over=False):
            client.ehlo_or_helo_if_needed()
            options: tuple[str, ...] = ()
            if mime.needs_utf8:
                # Asked before anything is said of the message: the connection stays good for the next one.
                if not client.has_extn("smtputf8"):
                    raise PermanentError(
                        f"{self._host} does not offer SMTPUTF8, which an address with other letters than ASCII before "
                        f"its @ needs ({mime.to})"
                    )
                options = ("SMTPUTF8", "BODY=8BITMIME")
            at_once = client.envelope(mime.sender, mime.to, options) if client.has_extn("pipelining") else None
            mail = at_once[0] if at_once else client.mail(mime.sender, options)
            self._ask(client, mail, (250,), f"refused the sender {mime.sender}")
            rcpt = at_once[1] if at_once else client.rcpt(mime.to)
            self._ask(client, rcpt, (250, 251), f"refused the recipient {mime.to}", of_recipient=True)
            self._ask(client, at_once[2] if at_once else client.docmd("DATA"), (354,), "refused the message")
        with _lost_as(handed_over=True):
            code, text = client.content(mime.data)
        # An answer that the deadline cut off may be a piece of another one.
        if deadline.expired or (code != 250 and not 400 <= code < 600):
            self.close()
            raise AmbiguousError(f"the answer to the message makes no sense: {code} {_text(text)}")
        self._ask(client, (code, text), (250,), "refused the message")
        return Receipt(provider_id=mime.message_id, detail=_text(text))

    def _ask(
        self, client: _Client, answer: tuple[int, bytes], good: tuple[int, ...], what: str, of_recipient: bool = False
    ) -> None:
        code, text = answer
        if code in good:
            return
        if code in (421, -1):
            self.close()
        else:
            try:
                client.rset()
            except (OSError, smtplib.SMTPException):
                self.close()
        error = _by_code(code, text, f"the server {what}")
        if of_recipient and isinstance(error, PermanentError) and _text(text).startswith(_DEAD):
            error = PermanentError(error.reason, suppress="bounced")
        raise error


class _Lost(Exception):
    """The connection died. `handed_over`: the message itself was on its way."""

    def __init__(self, error: Exception, handed_over: bool) -> None:
        super().__init__(str(error) or type(error).__name__)
        self.handed_over = handed_over


@contextlib.contextmanager
def _lost_as(*, handed_over: bool) -> Iterator[None]:
    try:
        yield
    except (OSError, smtplib.SMTPException) as error:
        raise _Lost(error, handed_over) from error


class _Client(smtplib.SMTP):
    """smtplib's client with a handle for the deadline, and DATA split where the outcome turns ambiguous."""

    handle: socket.socket

    def __init__(self, local_name: str, timeout: float, deadline: Deadline, tls: ssl.SSLContext | None) -> None:
        super().__init__(local_hostname=local_name, timeout=timeout)
        self._deadline, self._tls = deadline, tls

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connection = socket.create_connection((host, port), timeout)
        self.handle = connection.dup()
        self._deadline.watch(self.handle)
        # STARTTLS checks the certificate against the name that smtplib keeps in _host.
        self._host = host
        return connection if self._tls is None else self._tls.wrap_socket(connection, server_hostname=host)

    def envelope(self, sender: str, to: str, options: tuple[str, ...]) -> list[tuple[int, bytes]]:
        """MAIL, RCPT and DATA in one write (RFC 2920), and the three answers: one way to the server and back, and not
        three."""
        lines = [f"mail FROM:<{sender}>", f"rcpt TO:<{to}>", "data"]
        if any("\r" in line or "\n" in line for line in lines):
            raise PermanentError("an address holds a line break")
        lines[0] = " ".join([lines[0], *options])
        self.send("".join(f"{line}\r\n" for line in lines).encode("utf-8" if options else "ascii"))
        answers = [self.getreply()]
        while len(answers) < len(lines):
            # After a 421 nothing more comes.
            answers.append(self.getreply() if answers[-1][0] != 421 else answers[-1])
        (mail, _), (rcpt, _), (data, _) = answers
        if data == 354 and not (mail == 250 and rcpt in (250, 251)):
            # It waits for a message that nobody is to get. Broken off here it is none; ended, it would be an empty one.
            self.close()
        return answers

    def content(self, data: bytes) -> tuple[int, bytes]:
        """Send the message after a 354 and read the answer."""
        # A line that is a lone dot ends the message, so dots at the start of lines are doubled (RFC 5321, 4.5.2).
        lines = data if data.endswith(b"\r\n") else data + b"\r\n"
        stuffed = lines.replace(b"\r\n.", b"\r\n..")
        self.send(stuffed + b".\r\n")
        return self.getreply()

    def leave(self) -> None:
        with contextlib.suppress(OSError, smtplib.SMTPException):
            if self.sock is not None:
                self.sock.settimeout(2)
                self.quit()
        self.close()
        if hasattr(self, "handle"):
            self.handle.close()


def _by_code(code: int, text: bytes | str, what: str) -> TransientError | PermanentError | ConfigurationError:
    said = f"{what}: {code} {_text(text)}"
    if code in _LOGIN_WANTED:
        return ConfigurationError(said)
    return PermanentError(said) if 500 <= code < 600 else TransientError(said)


def _said(error: smtplib.SMTPResponseException) -> str:
    return f"{error.smtp_code} {_text(error.smtp_error)}"


def _text(answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return " ".join(text.split())[:300]
