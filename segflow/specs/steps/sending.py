"""What the steps that send share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal
from zoneinfo import ZoneInfo

from segflow.durations import Duration
from segflow.firings import window_open
from segflow.specs.send_window import SendWindow
from segflow.specs.spec_file import Loc
from segflow.specs.steps.base import Arm, Checks, Reached, Row, Step


@dataclass(frozen=True)
class Open:
    """While a window is open."""

    window: SendWindow
    spread: Duration | None = None
    attribute: str | None = None

    @property
    def timezone(self) -> str | None:
        return self.window.timezone

    def since_to(self, as_of: datetime, zone: ZoneInfo) -> datetime | None:
        return as_of if window_open(self.window.window, zone, as_of) else None

    def due(self, since: datetime, zone: ZoneInfo) -> datetime | None:
        return None

    def reached(self, as_of: datetime, zone: ZoneInfo) -> Reached | None:
        return None


class SendingStep(Step):
    """A step that plans a message on channel `sends`. Its body has `sender`, and all else of it is the content."""

    window: SendWindow | None = None
    """When it may go out; that of the flow when left out."""
    on_failure: Literal["continue", "end"] = "continue"
    """`end`: the enrollment ends when the message could not be sent."""

    to_contact: ClassVar[bool] = True
    """Does the flow's window count for it?"""

    def within(self, window: SendWindow | None) -> Step:
        here = self.window is None and window is not None and self.to_contact
        return self.model_copy(update={"window": window}) if here else self

    def arms(self) -> Sequence[Arm]:
        return (Arm(timing=None if self.window is None else Open(self.window)),)

    def row(self) -> Row:
        content = self.body.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"sender"})
        template = getattr(self.body, "template", None)
        return Row(channel=self.sends, sender=self.body.sender, content=content, detail=template)

    def check(self, checks: Checks, loc: Loc) -> None:
        assert self.sends is not None
        at = (*loc, self.key)
        checks.channel(self.sends, at, self.body.sender)
        if self.window is not None:
            checks.timezone(self.window.timezone, (*loc, "window", "timezone"))
        self.check_content(checks, at)

    def check_content(self, checks: Checks, loc: Loc) -> None:
        """Check what is sent; `loc` is the place of the body."""

    @classmethod
    def suggested_id(cls, body: Any) -> Sequence[Any]:
        template = body.get("template") if isinstance(body, dict) else None
        return ("send", template) if isinstance(template, str) else (cls.key,)
