"""`wait`: the contact stays for a while, until a time, a date of its own, or until something is so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, cast
from zoneinfo import ZoneInfo

from pydantic import Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from segflow.durations import DURATION_PATTERN, Duration
from segflow.firings import EVERY_DAY, Days, day_reached, last_firing, next_firing
from segflow.specs.clock_times import TimeOfDay, Weekdays, written_days
from segflow.specs.conditions import CONDITION_KEYS, Condition
from segflow.specs.offsets import NO_OFFSET, Offset
from segflow.specs.spec_file import Loc
from segflow.specs.steps.base import AnyStep, Arm, Checks, Row, Step
from segflow.specs.steps.timing import Reached, Timing
from segflow.specs.types import Identifier, SpecModel
from segflow.zones import day_start


class UntilTime(SpecModel):
    """`{time: "09:00", days: [mon-fri], timezone: contact}`: the next such time; at once for who comes right then."""

    time: TimeOfDay
    days: Weekdays = EVERY_DAY
    timezone: str | None = None
    """A zone like Europe/Berlin, or `contact` for that of each contact; the project's when left out."""


class UntilDate(SpecModel):
    """`{date: renewal_date, offset: -3 days, at: "09:00"}`: that day, or that moment of a timestamp. Who has no date
    stays; `timeout` lets them go."""

    date: Identifier
    """An attribute of type date or timestamp."""
    offset: Offset = NO_OFFSET
    at: TimeOfDay | None = None
    """When on that day; left out: when it begins, or the moment that a timestamp says."""
    timezone: str | None = None
    """A zone like Europe/Berlin, or `contact` for that of each contact; the project's when left out."""


def _until_kind(value: Any) -> str | None:
    if isinstance(value, UntilTime) or (isinstance(value, dict) and "time" in value):
        return "<time>"
    if isinstance(value, UntilDate) or (isinstance(value, dict) and "date" in value):
        return "<date>"
    if isinstance(value, dict):
        return "<condition>" if any(key in value for key in CONDITION_KEYS) else None
    return "<condition>" if isinstance(value, SpecModel) else None


class Wait(SpecModel):
    """`wait: 3 days` is short for `wait: {for: 3 days}`."""

    short_form = ("a duration like 3 days", {"type": "string", "pattern": DURATION_PATTERN})

    for_: Duration | None = Field(None, alias="for")
    until: (
        Annotated[
            Annotated[UntilTime, Tag("<time>")]
            | Annotated[UntilDate, Tag("<date>")]
            | Annotated[Condition, Tag("<condition>")],
            Discriminator(
                _until_kind,
                custom_error_type="until",
                custom_error_message='until takes a time ({time: "09:00"}), a date ({date: ATTRIBUTE}) or a condition',
            ),
        ]
        | None
    ) = None
    """A time of the day, a date of the contact's, or a condition that becomes true."""
    jitter: Duration | None = None
    """With `for` or a time: each contact goes on at a moment of its own within so long after it."""
    timeout: Duration | None = None
    """With a date or a condition: how long to wait at most."""
    then: list[AnyStep] = Field(default_factory=list)
    """With `timeout`: what those go through for whom it came in time."""
    timed_out: list[AnyStep] = Field(default_factory=list)
    """What the others go through."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"for": value} if isinstance(value, (str, Duration)) else value

    @model_validator(mode="after")
    def _one_end(self) -> Wait:
        if (self.for_ is None) == (self.until is None):
            raise PydanticCustomError("wait", "give either for: or until:")
        if self.jitter is not None and (self.on_date or self.on_condition):
            raise PydanticCustomError("wait", "jitter goes with for: and with until: {time: ...}")
        if self.jitter is not None and self.jitter.months:
            raise PydanticCustomError("wait", "jitter is a span like 2 hours, in seconds to weeks")
        if self.timeout is not None and not (self.on_date or self.on_condition):
            raise PydanticCustomError("wait", "timeout goes with until: a condition or {date: ...}; others end anyway")
        if self.timeout is None and (self.then or self.timed_out):
            raise PydanticCustomError("wait", "then: and timed_out: are ways that part at a timeout; give timeout:")
        return self

    @property
    def on_date(self) -> bool:
        return isinstance(self.until, UntilDate)

    @property
    def on_condition(self) -> bool:
        return self.until is not None and not isinstance(self.until, (UntilTime, UntilDate))


@dataclass(frozen=True)
class For(Timing):
    """A span after the contact came."""

    span: Duration

    def since_to(self, as_of: datetime, zone: ZoneInfo) -> datetime | None:
        # Going back from `as_of` would be a day or more too late for whoever came on the last day of a long month:
        # from 31 March, one month is over on 30 April. `due` is asked for these.
        return None if self.span.months else self.span.before(as_of, zone)

    def due(self, since: datetime, zone: ZoneInfo) -> datetime | None:
        return self.span.after(since, zone) if self.span.months or self.spread else None


@dataclass(frozen=True)
class At(Timing):
    """The next time of the day, on some days."""

    at: time
    days: Days

    def since_to(self, as_of: datetime, zone: ZoneInfo) -> datetime | None:
        last = last_firing(self.at, zone, as_of, self.days)
        return last.instant if last is not None else None

    def due(self, since: datetime, zone: ZoneInfo) -> datetime | None:
        if self.spread is None:
            return None
        last = last_firing(self.at, zone, since, self.days)
        if last is not None and last.instant == since:
            return since
        following = next_firing(self.at, zone, since, self.days)
        return following.instant if following is not None else None


@dataclass(frozen=True)
class On(Timing):
    """A date of the contact's own. `timeout` lets go of those whom it did not let go."""

    offset: Offset
    at: time | None

    def reached(self, as_of: datetime, zone: ZoneInfo) -> Reached | None:
        day = self.offset.latest(day_reached(self.at or time(), zone, as_of))
        if self.at is not None:
            return Reached(day, day_start(_after(day), zone) - timedelta(microseconds=1))
        span = self.offset.span
        return Reached(day, span.after(as_of, zone) if self.offset.before else span.before(as_of, zone))


def _after(day: date) -> date:
    return date.fromordinal(day.toordinal() + 1)


class WaitStep(Step):
    key = "wait"
    order = 70
    arms_at = (("wait", "then"), ("wait", "timed_out"))

    wait: Wait

    def check(self, checks: Checks, loc: Loc) -> None:
        at = (*loc, "wait")
        wait = self.wait
        if wait.for_ is not None:
            checks.span(wait.for_, (*at, "for") if checks.written((*at, "for")) else at)
        for name in ("jitter", "timeout"):
            if (span := getattr(wait, name)) is not None:
                checks.span(span, (*at, name))
        if isinstance(wait.until, UntilTime):
            checks.timezone(wait.until.timezone, (*at, "until", "timezone"))
        elif isinstance(wait.until, UntilDate):
            checks.timezone(wait.until.timezone, (*at, "until", "timezone"))
            checks.date_attribute(wait.until.date, (*at, "until", "date"))
            known = checks.catalog.contacts.attributes.get(wait.until.date)
            months = wait.until.offset.span.months and wait.until.at is None
            if months and known is not None and known.type == "timestamp":
                # A month after 30 March 18:00 and 31 March 12:00 is 30 April 18:00 and 12:00: the earlier comes later.
                message = f"months from a moment do not come in its order: give at:, or {wait.until.offset} in days"
                checks.problem((*at, "until", "offset"), message)

    def arms(self) -> Sequence[Arm]:
        then, timed_out = self.arms_at
        wait = self.wait
        late = () if wait.timeout is None else (Arm("timed_out", wait.timed_out, timed_out, timing=For(wait.timeout)),)
        match wait.until:
            case None:
                return (Arm(timing=For(cast(Duration, wait.for_), spread=wait.jitter)),)
            case UntilTime() as until:
                return (Arm(timing=At(until.time, until.days, timezone=until.timezone, spread=wait.jitter)),)
            case UntilDate() as until:
                timing = On(until.offset, until.at, attribute=until.date, timezone=until.timezone)
                return (Arm("then" if late else "", wait.then, then, timing=timing), *late)
            case condition:
                return (Arm("then", wait.then, then, condition=condition, condition_at=("wait", "until")), *late)

    def row(self) -> Row:
        return Row(detail=self._told())

    def words(self) -> str:
        return f"wait {self._told()}"

    def _told(self) -> str:
        match self.wait.until:
            case None:
                told = str(self.wait.for_)
            case UntilTime(time=at, days=days):
                told = f"until {at:%H:%M}" + (
                    "" if days == EVERY_DAY else f" on {', '.join(map(str, written_days(days)))}"
                )
            case UntilDate(date=name, offset=offset):
                told = f"until {name}" + ("" if offset == NO_OFFSET else f" {offset}")
            case _:
                told = "until it is so"
        also = f" and up to {self.wait.jitter}" if self.wait.jitter is not None else ""
        most = f", at most {self.wait.timeout}" if self.wait.timeout is not None else ""
        return f"{told}{also}{most}"

    @classmethod
    def suggested_id(cls, body: Any) -> Sequence[Any]:
        if not isinstance(body, dict):
            return ("wait", body)
        until = body.get("until")
        if isinstance(until, dict):
            return ("wait_until", until.get("time") or until.get("date") or "so")
        return ("wait", body.get("for", ""))
