"""The flows: twenty of two kinds that shops have. Their triggers are segments whose members come and go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.segments import Segment


@dataclass(frozen=True)
class Flow:
    """`welcome`: two letters, two days apart, once in a life. `reminder`: for subscribers, a letter, and a day later a
    text message to who has not bought since; again after 14 days."""

    name: str
    kind: str
    segment: str

    def spec(self) -> dict[str, Any]:
        """The flow's file."""
        letter = {"subject": "Hello {{ contact.first_name }}", "text": "Tea for {{ contact.first_name }}, from us."}
        shared = {"status": "active", "trigger": {"enters": self.segment}}
        if self.kind == "welcome":
            steps: list[dict[str, Any]] = [
                {"id": "hello", "send_email": letter},
                {"id": "think", "wait": "2 days"},
                {"id": "again", "send_email": letter},
            ]
            return {**shared, "reentry": "never", "steps": steps}
        branch = {
            "if": {"event": "purchase", "since": "enrollment"},
            "then": [{"id": "thanks", "exit": "bought"}],
            "else": [{"id": "nudge", "send_sms": {"text": "{{ contact.first_name }}, your cart is still here."}}],
        }
        steps = [
            {"id": "hello", "send_email": letter},
            {"id": "think", "wait": "1 day"},
            {"id": "bought", "branch": branch},
        ]
        where = {"attribute": "email_subscribed", "is": True}
        return {**shared, "where": where, "reentry": {"after_entry": "14 days"}, "steps": steps}


def flows(number: int, segments: dict[str, Segment]) -> list[Flow]:
    """So many flows over segments that windows and new rows move."""
    moving = [name for name in segments if int(name[1:]) % 13 in (0, 1, 3, 4, 5, 7, 11)]
    kinds = ("welcome", "reminder")
    return [Flow(f"f{k:02d}", kinds[k % 2], moving[k % len(moving)]) for k in range(number)]
