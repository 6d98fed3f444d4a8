"""`send_email`: an email to the contact."""

from __future__ import annotations

from segflow.specs.steps.sending import ContactStep, EmailContent, ToContact


class SendEmail(EmailContent, ToContact):
    """`template: NAME` reads `flow_specs/templates/NAME.txt` and `NAME.html`; or `text` / `html` right here.

    The subject is the step's, or the one in the template's front matter.
    """


class SendEmailStep(ContactStep):
    key = "send_email"
    order = 10
    sends = "email"

    send_email: SendEmail

    def words(self) -> str:
        return f"email: {self.send_email.template or self.send_email.subject}"
