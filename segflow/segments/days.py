"""Part of pass 1: words of the calendar become bounds, in the project's zone and with its weeks."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from segflow.durations import Duration
from segflow.segments.bounds import AS_OF, Bound, BoundKind, Unit, WeekDay, day_bounds, week_unit
from segflow.segments.nodes import And, Compare, Constant, Node, Operand, Operator, Subject
from segflow.specs.calendar import DAYS, Near, Period
from segflow.specs.types import ValueType, parse_date, parse_instant

_OF_DAYS: dict[str, Operator] = {"before": "lt", "after": "gt", "on": "eq"}


class Days:
    """`zone` is the project's: a bare date is a day there."""

    def __init__(self, zone: ZoneInfo, week_starts: WeekDay) -> None:
        self.zone, self._week = zone, week_unit(week_starts)

    def period(self, subject: Subject, kind: ValueType, period: Period) -> list[Node]:
        """From the beginning of a part of the calendar to before its end."""
        named, first, following = period.range()
        unit: Unit = self._week if named == "week" else named
        of: BoundKind = "date" if kind == "date" else "instant"
        start, end = (Bound(of, unit=unit, number=number) for number in (first, following))
        return [Compare(subject, "gte", (start,)), Compare(subject, "lt", (end,))]

    def _near(self, day: str | Near) -> tuple[Bound, Bound, Bound]:
        """A day counted from today: the date, the instant at which it begins, and that at which the next one does."""
        if isinstance(day, Near) and day.span.months:
            span, forward = day.span, day.ahead is not None
            starts = (Bound("instant", span, forward, "day", number) for number in (0, 1))
            return Bound("date", span, forward), *starts  # type: ignore[return-value]
        if isinstance(day, Near):
            number = day.span.seconds // 86400 * (1 if day.ahead is not None else -1)
        else:
            number = DAYS[day]
        span = Duration(0, abs(number) * 86400, "")
        date_of = Bound("date", span, forward=number > 0) if number else Bound("date")
        return date_of, Bound("instant", unit="day", number=number), Bound("instant", unit="day", number=number + 1)

    def around(self, subject: Subject, kind: ValueType, name: str, text: str | Near) -> Node:
        """Before, after or on (`name`) a day or an instant. A time is on a day from its beginning to before its end."""
        first: Operand
        following: Operand
        if isinstance(text, Near) or text in DAYS:
            day, first, following = self._near(text)
            if kind == "date":
                return Compare(subject, _OF_DAYS[name], (day,))
            return self._day(subject, name, first, following)
        if kind == "date":
            return Compare(subject, _OF_DAYS[name], (Constant(parse_date(text), kind),))
        try:
            start, end = day_bounds(date.fromisoformat(text), self.zone)
        except ValueError:
            return Compare(subject, _OF_DAYS[name], (Constant(parse_instant(text), kind),))
        return self._day(subject, name, Constant(start, kind), Constant(end, kind))

    @staticmethod
    def _day(subject: Subject, name: str, first: Operand, following: Operand) -> Node:
        """Before, after or on a day that goes from `first` to before `following`."""
        if name == "before":
            return Compare(subject, "lt", (first,))
        if name == "after":
            return Compare(subject, "gte", (following,))
        return And((Compare(subject, "gte", (first,)), Compare(subject, "lt", (following,))))

    @staticmethod
    def moving(subject: Subject, kind: ValueType, span: Duration, forward: bool) -> Node:
        """Within the span that ends at `as_of`, or the one that begins there; for dates, with today."""
        origin = Bound("date") if kind == "date" else AS_OF
        shifted = Bound(origin.kind, span, forward)
        low, high = (origin, shifted) if forward else (shifted, origin)
        return And((Compare(subject, "gt", (low,)), Compare(subject, "lte", (high,))))

    def moment(self, text: str | Near) -> Operand:
        """The instant that `since` or `until` names; of a day its beginning."""
        if isinstance(text, Near) or text in DAYS:
            return self._near(text)[1]
        return Constant(self.instant(text), "timestamp")

    def instant(self, text: str) -> datetime:
        """An ISO time; a bare date is that day's start in the project's zone."""
        try:
            return day_bounds(date.fromisoformat(text), self.zone)[0]
        except ValueError:
            return parse_instant(text)
