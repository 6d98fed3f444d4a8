"""A few words to people of your own, outside of any flow: that a run failed."""

from __future__ import annotations

from datetime import UTC, datetime

from segflow import senders
from segflow.messages import Notify
from segflow.workspace import Workspace

WHOM = "failures"
"""The name among `people` of a notify sender that is told of failures."""


def teller(project: Workspace) -> str | None:
    """The notify sender that knows whom to tell, None when none does."""
    for name, settings in project.specs.settings.all_senders().items():
        if settings.type == "notify" and WHOM in (getattr(settings, "people", None) or {}):
            return name
    return None


def tell(project: Workspace, sender: str, message_id: str, title: str, text: str) -> None:
    """Tell them at once. Raises SendError."""
    settings = project.specs.settings.all_senders()[sender]
    built = senders.build(sender, settings.model_dump(), project.root)
    try:
        built.open()
        built.send(
            Notify(
                message_id=message_id,
                contact_id="",
                flow="",
                step="",
                planned_at=datetime.now(UTC),
                to=WHOM,
                text=text,
                title=title,
            )
        )
    finally:
        built.close()
