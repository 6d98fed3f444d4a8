"""`notify`: a few words about the contact to people of your own."""

from __future__ import annotations

from segflow.specs.spec_file import Loc
from segflow.specs.steps.base import Checks
from segflow.specs.steps.sending import SendingStep
from segflow.specs.types import Identifier, SpecModel


class Notify(SpecModel):
    """By chat or email, as the sender knows whom `to` means."""

    to: str
    """A name in `people` of the sender, an address, or a template; or segment_owner, flow_owner."""
    text: str
    title: str | None = None
    sender: Identifier | None = None


class NotifyStep(SendingStep):
    key = "notify"
    order = 60
    sends = "notify"
    to_contact = False

    notify: Notify

    def check_content(self, checks: Checks, loc: Loc) -> None:
        note = self.notify
        checks.texts({"to": note.to, "text": note.text, "title": note.title}, loc)
        checks.person(note.to, note.sender, (*loc, "to"))

    def words(self) -> str:
        return f"notify {self.notify.to}"
