"""What a tick did."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from segflow.crossings.cross import SegmentResult
from segflow.exports.due import Export
from segflow.flows.advance import FlowResult
from segflow.imports.take_in import ImportResult
from segflow.outbox.provider_events import Taken
from segflow.outbox.send import SendReport


@dataclass
class AnswersReport(Taken):
    """What the tick took out of the spool; the numbers are of this process alone when it resumed."""

    records: int = 0
    choices: int = 0
    """Topics that contacts took or left on the preference page."""
    refused: dict[str, str] = field(default_factory=dict)
    """The files that hold what could not be read, by their paths -> why."""

    passed_over: str | None = None
    """Why nothing was taken from the model of message events, if somebody should look."""

    def warnings(self) -> list[str]:
        """What needs somebody."""
        found = [self.passed_over] if self.passed_over is not None else []
        if self.refused:
            file, why = next(iter(self.refused.items()))
            told = f"{len(self.refused)} records that came from outside could not be read. The first: {file}: {why}"
            found.append(told)
        return found


@dataclass
class TickReport:
    """What a tick did; `errors` make it red, they do not undo it."""

    tick_id: str
    as_of: datetime
    resumed: bool = False
    already_done: bool = False
    contacts: int = 0
    null_contacts: int = 0
    unknown_zones: dict[str, int] = field(default_factory=dict)
    """What contacts have for a time zone that is none: text -> how many contacts. They get the project's."""
    facts: dict[str, str] = field(default_factory=dict)
    """Fact model -> why all of it was computed; empty for one that was patched."""
    memberships: str | None = None
    """Why the memberships were made of all contacts; empty when they were patched; None when it is not known."""
    imports: list[ImportResult] = field(default_factory=list)
    segments: list[SegmentResult] = field(default_factory=list)
    flows: list[FlowResult] = field(default_factory=list)
    sent: SendReport = field(default_factory=SendReport)
    answers: AnswersReport = field(default_factory=AnswersReport)
    exports: list[Export] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall seconds per stage."""
    dbt_seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)
    """What will need somebody soon."""
    errors: list[str] = field(default_factory=list)
