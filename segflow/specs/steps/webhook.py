"""`webhook`: an HTTP request about the contact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from segflow.specs.spec_file import Loc
from segflow.specs.steps.base import Checks
from segflow.specs.steps.sending import SendingStep
from segflow.specs.types import Identifier, SpecModel


class Webhook(SpecModel):
    """An HTTP request; `url`, header values and every text in `body` are templates."""

    url: str
    method: Literal["POST", "PUT", "PATCH", "GET", "DELETE"] = "POST"
    headers: dict[str, str] = Field(default_factory=dict)
    body: Any = None
    sender: Identifier | None = None


class WebhookStep(SendingStep):
    key = "webhook"
    order = 30
    sends = "webhook"
    to_contact = False

    webhook: Webhook

    def check_content(self, checks: Checks, loc: Loc) -> None:
        url = self.webhook.url
        if not url.startswith(("http://", "https://", "{{", "{%")):
            checks.problem((*loc, "url"), f"url must start with https:// or http://, not '{url[:40]}'")
        checks.called(url, self.webhook.sender, (*loc, "url"))
        checks.texts({"url": url}, loc)
        checks.texts(dict(self.webhook.headers), (*loc, "headers"))
        checks.body(self.webhook.body, (*loc, "body"))

    def words(self) -> str:
        return f"{self.webhook.method} {self.webhook.url}"

    @classmethod
    def suggested_id(cls, body: Any) -> Sequence[Any]:
        return ("call_webhook",)
