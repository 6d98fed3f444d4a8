"""`send_sms`: a text message to the contact."""

from __future__ import annotations

from segflow.specs.steps.sending import ContactStep, SmsContent, ToContact


class SendSms(SmsContent, ToContact):
    """`text`, or `template: NAME` which reads `flow_specs/templates/NAME.txt`."""


class SendSmsStep(ContactStep):
    key = "send_sms"
    order = 20
    sends = "sms"

    send_sms: SendSms

    def words(self) -> str:
        return f"SMS: {self.send_sms.template}" if self.send_sms.template else "SMS"
