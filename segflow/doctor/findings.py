"""What a check of the doctor says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from segflow.outbox.lease import Lease


@dataclass
class Finding:
    """One thing that is not as it should be."""

    what: str
    means: str
    do: str
    since: datetime | None = None
    repair: Callable[[Lease], str] | None = None
    """Mends it while the tick's lease is held and says what it did. None: only a person can."""
    blocks: bool = False
    """It leaves nothing for the checks that need this part to look at."""
    note: bool = False
    """Nothing is wrong; somebody may want to know."""
    mended: str | None = None
    """What the repair did."""


@dataclass
class Checked:
    """What one check found. Without findings `says` tells how things are, or why it was `skipped`."""

    check: str
    says: str
    findings: list[Finding] = field(default_factory=list)
    skipped: bool = False

    @property
    def state(self) -> Literal["fine", "skipped", "mended", "found"]:
        if faults := [finding for finding in self.findings if not finding.note]:
            return "mended" if all(finding.mended for finding in faults) else "found"
        return "skipped" if self.skipped else "fine"


class SkipCheck(Exception):
    """The check cannot look because of what another check reports; its text says which."""
