"""`send_whatsapp`: a template that WhatsApp has approved, to the contact."""

from __future__ import annotations

from segflow.specs.steps.sending import ContactStep, ToContact, WhatsAppContent


class SendWhatsApp(WhatsAppContent, ToContact):
    """A template that WhatsApp has approved; its variables are filled here, by position or by name."""


class SendWhatsAppStep(ContactStep):
    key = "send_whatsapp"
    order = 22
    sends = "whatsapp"

    send_whatsapp: SendWhatsApp

    def words(self) -> str:
        return f"WhatsApp: {self.send_whatsapp.template}"
