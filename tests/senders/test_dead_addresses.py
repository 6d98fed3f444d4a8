"""Which refusals say that nothing can be sent to the address again, of every provider that refuses so at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from segflow.errors import PermanentError
from segflow.senders.postmark import RULES
from segflow.senders.shared.api import Said
from segflow.senders.shared.faults import Fault
from segflow.senders.smtp import SmtpSender
from segflow.senders.twilio import ERRORS as TWILIO
from segflow.senders.whatsapp import ERRORS as WHATSAPP
from tests.senders.email_providers import PROVIDERS, mail
from tests.senders.fakes.postmark import FakePostmark


def suppressing(faults: Mapping[int, Fault]) -> dict[int, str]:
    errors = {code: fault.error("x") for code, fault in faults.items()}
    found = {code: one.suppress for code, one in errors.items() if isinstance(one, PermanentError)}
    return {code: reason for code, reason in found.items() if reason is not None}


def test_codes_of_phones() -> None:
    assert suppressing(TWILIO) == {21610: "unsubscribed", 21614: "bounced", 21635: "bounced"}
    # Whether the number has no WhatsApp or takes no messages now, 131026 does not say.
    assert suppressing(WHATSAPP) == {131050: "unsubscribed"}


def test_codes_of_postmark() -> None:
    found = {code: RULES.fault(422, Said(str(code), "")) for code in (300, 406, 411)}
    assert suppressing({code: one for code, one in found.items() if one is not None}) == {406: "inactive"}


def test_an_inactive_recipient_of_a_batch() -> None:
    fake = FakePostmark()
    fake.inactive = {"ana1@home.example"}
    with fake.running() as url, PROVIDERS["postmark"].make(url) as sender:
        inactive, other = sender.send_many([mail(1), mail(2)])
    assert isinstance(inactive, PermanentError)
    assert inactive.suppress == "inactive"
    assert not isinstance(other, PermanentError)


SMTP: dict[str, tuple[tuple[int, bytes], str | None]] = {
    "no such mailbox": ((550, b"5.1.1 no such user"), "bounced"),
    "no such domain": ((553, b"5.1.2 no such domain"), "bounced"),
    "moved": ((551, b"5.1.6 moved"), "bounced"),
    "policy": ((550, b"5.7.1 refused"), None),
    "full": ((552, b"5.2.2 full"), None),
    "no code at all": ((550, b"unknown"), None),
    "a code that only begins so": ((550, b"5.1.10 null MX"), None),
}


@pytest.mark.parametrize(("answer", "reason"), SMTP.values(), ids=SMTP)
@pytest.mark.parametrize("of_recipient", [True, False], ids=["recipient", "message"])
def test_answers_of_smtp_servers(answer: tuple[int, bytes], reason: str | None, *, of_recipient: bool) -> None:
    class Client:
        def rset(self) -> None: ...

    sender = SmtpSender("post", host="mail.example", port=25, from_="a@b.example")
    client: Any = Client()
    with pytest.raises(PermanentError) as refused:
        sender._ask(client, answer, (250,), "refused it", of_recipient=of_recipient)
    assert refused.value.suppress == (reason if of_recipient else None)
