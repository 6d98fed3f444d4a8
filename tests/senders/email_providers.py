"""The providers of email with their fakes, and the messages that their tests send."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from segflow.messages import Email
from segflow.senders.base import Sender
from segflow.senders.mailgun import MailgunSender
from segflow.senders.postmark import PostmarkSender
from segflow.senders.resend import ResendSender
from segflow.senders.sendgrid import SendGridSender
from segflow.senders.ses import SesSender
from tests.senders.fakes import mailgun, postmark, resend, sendgrid, ses
from tests.senders.fakes.base import Fake

FROM = "Shop <news@shop.example>"


def mail(number: int = 1, **changes: Any) -> Email:
    given = {
        "message_id": f"m{number}",
        "contact_id": f"c{number}",
        "flow": "f",
        "step": "s",
        "planned_at": datetime(2026, 3, 1, 9, 0, tzinfo=UTC),
        "to": f"ana{number}@home.example",
        "subject": "Grüße",
        "text": "Dear Ana €",
        "html": "<p>Dear Ana €</p>",
    }
    return Email(**(given | changes))


@dataclass
class Provider:
    fake: type[Fake]
    sender: type[Sender]
    options: dict[str, Any]
    secret: str
    """Which of the options is the key."""
    reads: Callable[[dict[str, Any]], tuple[str, str]]
    """(our id, address) of an accepted mail."""

    def make(self, url: str | None, **changes: Any) -> Any:
        return self.sender("news", **({"url": url, "from_": FROM, "timeout": 1, **self.options} | changes))


PROVIDERS: dict[str, Provider] = {
    "sendgrid": Provider(
        sendgrid.FakeSendGrid,
        SendGridSender,
        {"api_key": sendgrid.KEY},
        "api_key",
        lambda told: (told["custom_args"]["segflow_id"], told["to"][0]["email"]),
    ),
    "postmark": Provider(
        postmark.FakePostmark,
        PostmarkSender,
        {"server_token": postmark.TOKEN},
        "server_token",
        lambda told: (told["Metadata"]["segflow_id"], told["To"]),
    ),
    "resend": Provider(
        resend.FakeResend,
        ResendSender,
        {"api_key": resend.KEY},
        "api_key",
        lambda told: (told["tags"][0]["value"], told["to"][0]),
    ),
    "mailgun": Provider(
        mailgun.FakeMailgun,
        MailgunSender,
        {"api_key": mailgun.KEY, "domain": mailgun.DOMAIN},
        "api_key",
        lambda told: (told["v:segflow_id"], told["to"]),
    ),
    "ses": Provider(
        ses.FakeSes,
        SesSender,
        {"region": ses.REGION, "access_key_id": ses.KEY_ID, "secret_access_key": ses.SECRET},
        "secret_access_key",
        lambda told: (told["EmailTags"][0]["Value"], told["Destination"]["ToAddresses"][0]),
    ),
}
