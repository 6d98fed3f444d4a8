"""`wait`: the contact stays for a while."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from segflow.durations import DURATION_PATTERN, Duration
from segflow.specs.spec_file import Loc
from segflow.specs.steps.base import Arm, Checks, Row, Step, Timing
from segflow.specs.types import SpecModel


class Wait(SpecModel):
    """`wait: 3 days` is short for `wait: {for: 3 days}`."""

    short_form = ("a duration like 3 days", {"type": "string", "pattern": DURATION_PATTERN})

    for_: Duration = Field(alias="for")

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"for": value} if isinstance(value, (str, Duration)) else value


@dataclass(frozen=True)
class For:
    """A span after the contact came."""

    span: Duration
    spread: Duration | None = None
    timezone: str | None = None
    attribute: str | None = None

    def since_to(self, as_of: datetime, zone: ZoneInfo) -> datetime | None:
        # Going back from `as_of` would be a day or more too late for whoever came on the last day of a long month:
        # from 31 March, one month is over on 30 April. `due` is asked for these.
        return None if self.span.months else self.span.before(as_of, zone)

    def due(self, since: datetime, zone: ZoneInfo) -> datetime | None:
        return self.span.after(since, zone) if self.span.months or self.spread else None

    def moment_to(self, as_of: datetime, zone: ZoneInfo) -> datetime | None:
        return None


class WaitStep(Step):
    key = "wait"
    order = 70

    wait: Wait

    def check(self, checks: Checks, loc: Loc) -> None:
        at = (*loc, "wait")
        checks.span(self.wait.for_, (*at, "for") if checks.written((*at, "for")) else at)

    def arms(self) -> Sequence[Arm]:
        return (Arm(timed=True),)

    def timing(self) -> Timing | None:
        return For(self.wait.for_)

    def row(self) -> Row:
        return Row(detail=str(self.wait.for_))

    def words(self) -> str:
        return f"wait {self.wait.for_}"

    @classmethod
    def suggested_id(cls, body: Any) -> Sequence[Any]:
        return ("wait", body.get("for", "") if isinstance(body, dict) else body)
