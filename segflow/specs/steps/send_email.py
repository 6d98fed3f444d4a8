"""`send_email`: an email to the contact."""

from __future__ import annotations

from typing import cast

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from segflow.messages import is_address
from segflow.specs.spec_file import Loc
from segflow.specs.steps.base import Checks
from segflow.specs.steps.sending import SendingStep
from segflow.specs.types import Identifier, SpecModel


class SendEmail(SpecModel):
    """`template: NAME` reads `flow_specs/templates/NAME.txt` and `NAME.html`; or `text` / `html` right here.

    The subject is the step's, or the one in the template's front matter.
    """

    template: str | None = None
    subject: str | None = None
    text: str | None = None
    html: str | None = None
    sender: Identifier | None = None
    from_: str | None = Field(None, alias="from")
    reply_to: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> SendEmail:
        inline = self.text is not None or self.html is not None
        if (self.template is None) == (not inline):
            raise PydanticCustomError("content", "give either template: or the content itself (text:, html:)")
        if inline and self.subject is None:
            raise PydanticCustomError("content", "subject: is missing")
        return self


class SendEmailStep(SendingStep):
    key = "send_email"
    order = 10
    sends = "email"

    send_email: SendEmail

    def check_content(self, checks: Checks, loc: Loc) -> None:
        email = self.send_email
        checks.texts({"subject": email.subject, "text": email.text, "html": email.html}, loc)
        for key, value in (("from", email.from_), ("reply_to", email.reply_to)):
            if value is not None and not is_address(value):
                checks.problem((*loc, key), f"{key} must be an address, not '{value}'")
        if email.template is not None:
            template = checks.template(email.template, loc)
            if template is not None and email.subject is None and template.subject is None:
                message = (
                    f"there is no subject: give subject: here, or in the front matter of template {email.template}"
                )
                checks.problem((*loc, "template"), message)

    def words(self) -> str:
        email = self.send_email
        return f"email: {cast(str, email.template or email.subject)}"
