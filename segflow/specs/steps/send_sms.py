"""`send_sms`: a text message to the contact."""

from __future__ import annotations

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from segflow.specs.spec_file import Loc
from segflow.specs.steps.base import Checks
from segflow.specs.steps.sending import SendingStep
from segflow.specs.types import Identifier, SpecModel


class SendSms(SpecModel):
    """`text`, or `template: NAME` which reads `flow_specs/templates/NAME.txt`."""

    text: str | None = None
    template: str | None = None
    sender: Identifier | None = None

    @model_validator(mode="after")
    def _one_source(self) -> SendSms:
        if (self.text is None) == (self.template is None):
            raise PydanticCustomError("content", "give either text: or template:")
        return self


class SendSmsStep(SendingStep):
    key = "send_sms"
    order = 20
    sends = "sms"

    send_sms: SendSms

    def check_content(self, checks: Checks, loc: Loc) -> None:
        sms = self.send_sms
        checks.texts({"text": sms.text}, loc)
        if sms.template is not None:
            template = checks.template(sms.template, loc)
            if template is not None and template.text is None:
                message = f"an SMS needs {sms.template}.txt; there is only {sms.template}.html"
                checks.problem((*loc, "template"), message)

    def words(self) -> str:
        return f"SMS: {self.send_sms.template}" if self.send_sms.template else "SMS"
