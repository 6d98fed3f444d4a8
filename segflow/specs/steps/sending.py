"""What the steps that send share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from segflow.specs.spec_file import Loc
from segflow.specs.steps.base import Checks, Row, Step


class SendingStep(Step):
    """A step that plans a message on channel `sends`. Its body has `sender`, and all else of it is the content."""

    def row(self) -> Row:
        content = self.body.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"sender"})
        template = getattr(self.body, "template", None)
        return Row(channel=self.sends, sender=self.body.sender, content=content, detail=template)

    def check(self, checks: Checks, loc: Loc) -> None:
        assert self.sends is not None
        at = (*loc, self.key)
        checks.channel(self.sends, at, self.body.sender)
        self.check_content(checks, at)

    def check_content(self, checks: Checks, loc: Loc) -> None:
        """Check what is sent; `loc` is the place of the body."""

    @classmethod
    def suggested_id(cls, body: Any) -> Sequence[Any]:
        template = body.get("template") if isinstance(body, dict) else None
        return ("send", template) if isinstance(template, str) else (cls.key,)
