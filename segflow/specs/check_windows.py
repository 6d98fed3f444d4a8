"""Can a window be computed, and is there anything in it?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from segflow.errors import did_you_mean
from segflow.specs.calendar import DAYS, Near
from segflow.specs.check_values import always_longer, check_near, check_span, instant
from segflow.specs.issues import shorten
from segflow.specs.loaded import Reporter
from segflow.specs.spec_file import Loc
from segflow.specs.windows import ENROLLMENT, LAST_TICK, TRIGGER, Windows

_WORD = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Moments:
    """What `since` may name besides dates: with an `enrollment`, its beginning, the last tick, and its flow's `steps`.
    If there is none, `why` says why not. With an `event` the time of that, too."""

    enrollment: bool
    why: str
    steps: Sequence[str]
    event: bool = False
    """Is it an event that triggers the flow?"""


def check_window(say: Reporter, condition: Windows, loc: Loc, moments: Moments) -> None:
    """Check the window of a condition that stands at `loc`."""
    for key in ("within_last", "not_within_last"):
        span = getattr(condition, key)
        if span is not None:
            check_span(say, span, (*loc, key))
    longer, shorter = condition.within_last, condition.not_within_last
    if longer is not None and shorter is not None and not always_longer(longer, shorter):
        message = f"the window is empty: within_last {longer} must be longer than not_within_last {shorter}"
        say((*loc, "within_last"), message)
    if condition.within is not None and condition.within.next is not None:
        say(
            (*loc, "within", "next"),
            "nothing later than now is ever seen, so there is nothing in it: write this: or last:",
        )
    if condition.since is not None:
        check_since(say, condition.since, (*loc, "since"), moments)
    if condition.until is not None:
        _until(say, condition.until, (*loc, "until"))
    start, end = (instant(text) if isinstance(text, str) else None for text in (condition.since, condition.until))
    if start is not None and end is not None and start >= end:
        say((*loc, "until"), f"the window is empty: until {condition.until} is not after since {condition.since}")


def check_since(say: Reporter, text: str | Near, loc: Loc, moments: Moments) -> None:
    """Check what `since`, which stands at `loc`, names."""
    if isinstance(text, Near):
        check_near(say, text, loc)
        return
    if text in (*DAYS, ENROLLMENT, LAST_TICK, TRIGGER) and text in moments.steps:
        say(loc, f"since: {text} has a meaning of its own, and is a step of this flow, too; give the step another id")
    if text in DAYS or instant(text) is not None or (text == TRIGGER and moments.event):
        return
    if not _WORD.fullmatch(text):
        extra = " (or enrollment, trigger, last_tick or a step's id, in a flow)"
        say(loc, f"since takes a date or time like 2026-01-31T09:00:00Z{extra}, not '{shorten(text)}'")
    elif not moments.enrollment and (near := did_you_mean(text, list(DAYS))):
        say(loc, f"since: there is no day {text}{near}")
    elif not moments.enrollment:
        say(loc, f"since: {text} is about an enrollment: {moments.why}")
    elif text == TRIGGER:
        say(loc, "since: trigger is the time of the event that enrolled; no event triggers this flow: write enrollment")
    elif text not in (ENROLLMENT, LAST_TICK, *moments.steps):
        named = [ENROLLMENT, LAST_TICK, *([TRIGGER] if moments.event else []), *DAYS]
        hint = did_you_mean(text, [*named, *moments.steps])
        known = "write a date, enrollment, last_tick or a step's id"
        say(loc, f"since: there is no step {text} in this flow{hint}; {known}")


def _until(say: Reporter, text: str | Near, loc: Loc) -> None:
    if isinstance(text, Near):
        check_near(say, text, loc)
        return
    if text in DAYS or instant(text) is not None:
        return
    if text == ENROLLMENT:
        say(loc, "until takes a date or time; what happened before the enrollment cannot be asked yet")
    else:
        near = did_you_mean(text, list(DAYS))
        known = "a date or time like 2026-01-31T09:00:00Z, or a day like {ago: 2 days} or yesterday"
        say(loc, f"until takes {known}, not '{shorten(text)}'{near}")
