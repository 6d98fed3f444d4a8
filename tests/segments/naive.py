"""What DESIGN says a condition means, in plain Python, one contact at a time.

Written against the documents and the docstrings of `segflow.specs.conditions`, not against the compiler: nothing of
`segflow.segments` is imported here. Slow and obvious on purpose.
"""

from __future__ import annotations

import hashlib
import json
import re
from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from segflow.durations import Duration
from segflow.specs import conditions as c
from segflow.specs import operators as o
from segflow.specs.catalog import Catalog, ListSource
from segflow.specs.columns import Attribute

Row = dict[str, Any]


@dataclass
class World:
    """Everything that conditions look at. `tables`: model -> rows by column; times are naive UTC, as in a warehouse."""

    catalog: Catalog
    zone: ZoneInfo
    as_of: datetime
    tables: dict[str, list[Row]]
    updates: list[Row] = field(default_factory=list)
    """What flows changed: contact_id, kind (list, tag or attribute), name, value, at, hop."""
    contact: str = ""
    """The one that is looked at."""
    history: list[Row] = field(default_factory=list)
    """What ticks saw that was new: contact_id, attribute, value as text, since."""
    expressions: dict[str, Any] = field(default_factory=dict)
    """`sql` condition -> a function of a contact's attributes that says the same; None where SQL says null."""
    deliveries: list[Row] = field(default_factory=list)
    message_events: list[Row] = field(default_factory=list)
    """What became of messages: message_id, flow, step, channel, contact_id, at, and outcome or kind."""
    week_starts: str = "monday"
    segments: dict[str, Any] = field(default_factory=dict)
    """Segment -> condition, or a function of a contact's attributes for a `.sql` one."""

    def contacts(self) -> dict[str, Row]:
        """The contacts that exist at `as_of`: id -> attributes."""
        spec = self.catalog.contacts
        found = {}
        for row in self.tables[spec.model]:
            created = row[spec.created_at.column] if spec.created_at else None
            if row[spec.key] is None or (created is not None and _aware(created) > self.as_of):
                continue
            contact = str(row[spec.key])
            found[contact] = {
                name: self._attribute(contact, name, attribute, row) for name, attribute in spec.attributes.items()
            }
        return found

    def _attribute(self, contact: str, name: str, attribute: Attribute, row: Row) -> Any:
        if attribute.written_by != "source":
            mine = [u for u in self._updates("attribute", contact) if u["name"] == name]
            if mine:
                return _from_text(max(mine, key=lambda u: (u["at"], u["hop"]))["value"], attribute.type)
        return None if attribute.written_by == "flows" else _kept(row, name, attribute)

    def _updates(self, kind: str, contact: str) -> list[Row]:
        return [
            u
            for u in self.updates
            if u["kind"] == kind and u["contact_id"] == contact and _aware(u["at"]) <= self.as_of
        ]

    def members(self, condition: Any) -> set[str]:
        """The contacts that match at `as_of`."""
        return {
            contact for contact, attributes in self.contacts().items() if self.holds(condition, contact, attributes)
        }

    def holds(self, spec: Any, contact: str, attributes: Row) -> bool:
        self.contact = contact
        if callable(spec):
            return bool(spec(attributes))
        match spec:
            case c.All():
                return all(self.holds(item, contact, attributes) for item in spec.all)
            case c.Any_():
                return any(self.holds(item, contact, attributes) for item in spec.any)
            case c.None_():
                return not any(self.holds(item, contact, attributes) for item in spec.none)
            case c.Not():
                return not self.holds(spec.not_, contact, attributes)
            case c.Everyone():
                return True
            case c.AttributeCondition():
                kind = self.catalog.contacts.attributes[spec.attribute].type
                value = attributes[spec.attribute]
                held = self.held(contact, spec.attribute, value, spec.held_for) if spec.held_for is not None else True
                return held and self.test(value, kind, spec, attributes)
            case c.SegmentCondition():
                return self.holds(self.segments[spec.segment], contact, attributes)
            case c.MessageCondition():
                name, test = spec.aggregate()
                found = self.messages(spec, contact)
                if name == "count":
                    return _in_bounds(len({message for message, _ in found}), test)
                return self.times(name, test, [at for _, at in found])
            case c.ListCondition():
                return self.labelled("list", spec.list, contact, spec)
            case c.TagCondition():
                return self.labelled("tag", spec.tag, contact, spec)
            case c.AnyListCondition():
                return any(self.labelled("list", name, contact, spec) for name in self.label_names("list"))
            case c.AnyTagCondition():
                return any(self.labelled("tag", name, contact, spec) for name in self.label_names("tag"))
            case c.BucketCondition():
                low, high = (Fraction(str(share)) / 100 for share in spec.range())
                digest = hashlib.md5(f"{spec.bucket}:{contact}".encode()).hexdigest()
                return low <= Fraction(int(digest[:8], 16), 16**8) < high
            case c.SqlCondition():
                return self.expressions[spec.sql](attributes) is True
            case c.ConsentCondition():
                return attributes[getattr(self.catalog.contacts.channels, spec.consent).consent] is True
            case c.EventCondition():
                return self.aggregate(spec, list(self.event_rows(spec.event, contact)), self.event_types(spec.event))
            case c.EventPrefixCondition() | c.AnyEventCondition():
                prefix = spec.event_prefix if isinstance(spec, c.EventPrefixCondition) else ""
                begins = self.catalog.event_prefixes.get(prefix)
                names = [
                    name
                    for source in self.catalog.events
                    for name in source.kinds()
                    if (name.startswith(prefix) if begins is None else source.text(name).startswith(begins.is_))
                ]
                happened = [row for name in names for row in self.event_rows(name, contact)]
                return self.aggregate(spec, happened, self.event_types(names[0]))
            case c.ObjectCondition():
                types = self.catalog.objects[spec.object].fields
                for owner, above in self.catalog.object_path(spec.object)[1:]:
                    types = types | {f"{owner}.{name}": field for name, field in above.fields.items()}
                return self.aggregate(spec, list(self.object_rows(spec.object, contact)), types)
        raise TypeError(spec)

    def messages(self, spec: c.MessageCondition, contact: str) -> list[tuple[str, datetime]]:
        """The messages that had it, and when: an outcome of ours for `sent`, else what a provider told."""
        rows = self.deliveries if spec.message == "sent" else self.message_events
        key = "outcome" if spec.message == "sent" else "kind"
        wanted = {"flow": spec.flow, "step": spec.step, "channel": spec.channel, "contact_id": contact}
        return [
            (row["message_id"], _aware(row["at"]))
            for row in rows
            if row[key] == spec.message
            and _aware(row["at"]) <= self.as_of
            and self.in_window(spec, _aware(row["at"]))
            and all(value is None or row[name] == value for name, value in wanted.items())
            and (spec.url is None or self.test(row["url"], "text", spec.url))
        ]

    def held(self, contact: str, attribute: str, value: Any, spec: o.HeldFor) -> bool:
        """For how long has the contact had `value`? Since the last row of the history, if it says the same."""
        mine = [row for row in self.history if row["contact_id"] == contact and row["attribute"] == attribute]
        mine = [row for row in mine if _aware(row["since"]) < self.as_of]
        last = max(mine, key=lambda row: row["since"]) if mine else None
        text = str(value).lower() if isinstance(value, bool) else None if value is None else str(value)
        kept = last["value"] if last is not None else None
        if self.catalog.contacts.attributes[attribute].type == "number":
            text, kept = value, _from_text(kept, "number")
        since = _aware(last["since"]) if last is not None and kept == text else self.as_of
        checks = {"gt": "before", "gte": "to", "lt": "after", "lte": "from"}
        for name, span in spec.bounds():
            border = self.step(self.as_of, span, -1)
            fine = {"before": since < border, "to": since <= border, "after": since > border, "from": since >= border}
            if not fine[checks[name]]:
                return False
        return True

    # --- lists and tags ------------------------------------------------------------------------------------------

    def label_names(self, kind: str) -> set[str]:
        source = self.catalog.lists if kind == "list" else self.catalog.tags
        rows = self.tables[source.model] if source.model else []
        names = {row[source.name] for row in rows} | {u["name"] for u in self.updates if u["kind"] == kind}
        return names - {None}

    def labelled(self, kind: str, name: str, contact: str, spec: Any) -> bool:
        source = self.catalog.lists if kind == "list" else self.catalog.tags
        long_ago = datetime(1, 1, 1, tzinfo=UTC)
        status = source.status if isinstance(source, ListSource) else None
        changes: list[tuple[datetime, int, int, str, bool]] = []
        for row in self.tables[source.model] if source.model else []:
            if str(row[source.contact]) != contact or row[source.name] != name:
                continue
            added = _aware(row[source.added_at.column]) if source.added_at else None
            if added is None or added <= self.as_of:
                stands = str(row[status] or "").strip().lower() if status is not None else ""
                changes.append((added or long_ago, 0, 0, stands, True))
        for update in self._updates(kind, contact):
            if update["name"] == name:
                changes.append((_aware(update["at"]), 1, update["hop"], "", update["value"] == "add"))
        if not changes or not max(changes)[4]:
            return False
        at, by_flow, _, stands, _ = max(changes)
        if isinstance(spec, c.ListCondition) and spec.status is not None:
            # Whom a flow has put on the list stands as the model says, if that knows the contact there.
            stands = max([one[3] for one in changes if not one[1]], default="subscribed") if by_flow else stands
            if stands not in spec.statuses():
                return False
        if spec.added is not None and spec.added.since is not None:
            return at != long_ago and at >= self.instant(spec.added.since)
        return spec.added is None or self.test(None if at == long_ago else at, "timestamp", spec.added)

    # --- rows ----------------------------------------------------------------------------------------------------

    def event_types(self, name: str) -> dict[str, Attribute]:
        found = self.catalog.event(name)
        assert found is not None
        return found[1]

    def event_rows(self, name: str, contact: str) -> Iterable[tuple[datetime, Row]]:
        found = self.catalog.event(name)
        assert found is not None
        source, properties = found
        for row in self.tables[source.model]:
            if row[source.contact] is None or str(row[source.contact]) != contact or row[source.at.column] is None:
                continue
            if (source.name is not None and row[source.name] != source.text(name)) or _aware(
                row[source.at.column]
            ) > self.as_of:
                continue
            yield _aware(row[source.at.column]), {p: _property(source, p, a, row) for p, a in properties.items()}

    def object_rows(self, name: str, contact: str) -> Iterable[tuple[datetime | None, Row]]:
        path = self.catalog.object_path(name)
        for row in self.tables[path[0][1].model]:
            owners = [row]
            for (_, child), (_, parent) in pairwise(path):
                key = owners[-1][child.via]
                above = [r for r in self.tables[parent.model] if key is not None and r[parent.key] == key]
                if not above:
                    break
                owners.append(above[0])
            if len(owners) < len(path):
                continue
            top = path[-1][1]
            if top.contacts_by is not None:
                if self.contacts()[contact][top.contacts_by] != str(owners[-1][top.key]):
                    continue
            elif str(owners[-1][top.via]) != contact:
                continue
            times = [r[s.created_at.column] for r, (_, s) in zip(owners, path, strict=True) if s.created_at]
            if any(time is not None and _aware(time) > self.as_of for time in times):
                continue
            own = path[0][1]
            at = _aware(row[own.created_at.column]) if own.created_at else None
            values = {name: _kept(row, name, field) for name, field in own.fields.items()}
            for (owner, above), found in zip(path[1:], owners[1:], strict=True):
                values |= {f"{owner}.{n}": _kept(found, n, field) for n, field in above.fields.items()}
            yield at, values

    def aggregate(self, spec: Any, rows: list[tuple[datetime | None, Row]], types: dict[str, Attribute]) -> bool:
        rows = [
            (at, row)
            for at, row in rows
            if self.in_window(spec, at) and (spec.where is None or self.row_holds(spec.where, row, types))
        ]
        if isinstance(spec, c.EventRows):
            rows = [(at, row) for at, row in rows if at is not None and self.in_sequence(spec, at)]
        name, test = spec.aggregate()
        if name == "count":
            return _in_bounds(len(rows), test)
        if name in ("first_time", "last_time", "days", "weeks", "months", "stopped", "restarted"):
            return self.times(name, test, [at for at, _ in rows if at is not None])
        measured = test.property or test.field
        values = [row[measured] for _, row in rows if row[measured] is not None]
        if name == "sum":
            return _in_bounds(sum(values), test)
        if name == "count_distinct":
            return _in_bounds(len(set(values)), test)
        if name == "avg":
            return bool(values) and _in_bounds(sum(map(Fraction, values)) / len(values), test)
        if name in ("min", "max"):
            value = {"min": min, "max": max}[name](values) if values else None
            return self.test(value, types[measured].type, test)
        return self.test(_at_the_end(name, [(at, row[measured]) for at, row in rows]), types[measured].type, test)

    def times(self, name: str, test: Any, times: list[datetime]) -> bool:
        """What can be asked of when something happened."""
        if name in ("first_time", "last_time"):
            moment = (min(times) if name == "first_time" else max(times)) if times else None
            return self.test(moment, "timestamp", test)
        if name in ("days", "weeks", "months"):
            return _in_bounds(len({self.period(name, test.of_last, at) for at in times} - {None}), test)
        return self.turned(name, test, times)

    def in_sequence(self, spec: Any, at: datetime) -> bool:
        """What must have followed did; what must not did not, and its time is over."""
        if spec.followed_by is not None and not self.followed(spec.followed_by, at):
            return False
        if spec.not_followed_by is None:
            return True
        over = at + timedelta(seconds=spec.not_followed_by.within.seconds)
        return over <= self.as_of and not self.followed(spec.not_followed_by, at)

    def followed(self, spec: c.Following, at: datetime) -> bool:
        types = self.event_types(spec.event)
        return any(
            at < later <= at + timedelta(seconds=spec.within.seconds)
            and (spec.where is None or self.row_holds(spec.where, row, types))
            and self.in_sequence(spec, later)
            for later, row in self.event_rows(spec.event, self.contact)
        )

    def period(self, name: str, number: int, at: datetime | None) -> int | None:
        """k of the day, week or month (as_of - (k + 1), as_of - k] that `at` lies in, None when in none of `number`."""
        for k in range(number):
            ends = [self.as_of, self.as_of]
            for end, steps in ((0, k), (1, k + 1)):
                if steps:
                    ends[end] = self.step(self.as_of, Duration.parse(f"{steps} {name}"), -1)
            if at is not None and ends[1] < at <= ends[0]:
                return k
        return None

    def turned(self, name: str, span: Duration, times: list[datetime]) -> bool:
        """Windows of one span: the last one, the one before it, and all that was before both."""
        border = self.step(self.as_of, span, -1)
        earlier = self.step(self.as_of, Duration(span.months * 2, span.seconds * 2, ""), -1)
        last = any(border < at for at in times)
        middle = any(earlier < at <= border for at in times)
        if name == "stopped":
            return middle and not last
        return last and not middle and any(at <= earlier for at in times)

    def in_window(self, spec: Any, at: datetime | None) -> bool:
        if spec.within_last is not None and not (at is not None and self.step(self.as_of, spec.within_last, -1) < at):
            return False
        if spec.not_within_last is not None:
            return at is not None and at <= self.step(self.as_of, spec.not_within_last, -1)
        if spec.within is not None:
            return at is not None and self.in_period(spec.within, at)
        if spec.since is not None and (at is None or at < self.instant(spec.since)):
            return False
        return spec.until is None or (at is not None and at < self.instant(spec.until))

    def in_period(self, period: Any, value: datetime | date) -> bool:
        """Does the day of `value` lie in a part of the calendar? Counted in periods since year 1."""
        day = value.astimezone(self.zone).date() if isinstance(value, datetime) else value
        if period.this is not None:
            unit, first, last = period.this, 0, 0
        elif period.last is not None:
            unit, first, last = period.last.unit, -period.last.number, -1
        else:
            unit, first, last = period.next.unit, 1, period.next.number
        return first <= self._number(day, unit) - self._number(self._today(), unit) <= last

    def _number(self, day: date, unit: str) -> int:
        months = day.year * 12 + day.month - 1
        # 1 January of year 1 was a Monday, and has ordinal 1.
        weeks = (day.toordinal() - {"monday": 1, "sunday": 7, "saturday": 6}[self.week_starts]) // 7
        return {"day": day.toordinal(), "week": weeks, "month": months, "quarter": months // 3, "year": day.year}[unit]

    def _near_day(self, text: Any) -> date | None:
        """`today`, `{ago: 2 days}`: a day counted from today."""
        if isinstance(text, str):
            number = {"yesterday": -1, "today": 0, "tomorrow": 1}.get(text)
            return None if number is None else self._today() + timedelta(days=number)
        span, sign = (text.ago, -1) if text.ago is not None else (text.ahead, 1)
        return _months_on(self._today(), sign * span.months) + timedelta(days=sign * span.seconds // 86400)

    def row_holds(self, spec: Any, row: Row, types: dict[str, Attribute]) -> bool:
        match spec:
            case c.PropertyAll():
                return all(self.row_holds(item, row, types) for item in spec.all)
            case c.PropertyAny():
                return any(self.row_holds(item, row, types) for item in spec.any)
            case c.PropertyNone():
                return not any(self.row_holds(item, row, types) for item in spec.none)
            case c.PropertyNot():
                return not self.row_holds(spec.not_, row, types)
        name = spec.property if isinstance(spec, c.PropertyCondition) else spec.field
        name = f"{spec.of}.{name}" if isinstance(spec, c.FieldCondition) and spec.of else name
        return self.test(row[name], types[name].type, spec)

    # --- one value -----------------------------------------------------------------------------------------------

    def test(self, value: Any, kind: str, spec: o.Test, attributes: Row | None = None) -> bool:
        name, operand = spec.operator()
        if isinstance(operand, o.OtherAttribute):
            assert attributes is not None
            negative = name in ("is_not", "not_contains")
            found = self._against(value, kind, o.NEGATIVE_OF.get(name, name), operand, attributes, spec.ignore_case)
            return found is not negative
        if name in ("is_not", "not_in", "not_contains", "not_within_last", "not_within", "is_not_set"):
            return not self._positive(value, kind, o.NEGATIVE_OF[name], operand, spec.ignore_case)
        return self._positive(value, kind, name, operand, spec.ignore_case)

    def _against(
        self, value: Any, kind: str, name: str, operand: o.OtherAttribute, attributes: Row, fold: bool
    ) -> bool:
        """A test against what the contact has in another attribute."""
        other = attributes[operand.attribute]
        if value is None or other is None:
            return False
        if name == "on" or (
            name in ("before", "after") and isinstance(value, datetime) is not isinstance(other, datetime)
        ):
            value, other = (
                one.astimezone(self.zone).date() if isinstance(one, datetime) else one for one in (value, other)
            )
        return self._compare(value, kind, {"before": "lt", "after": "gt", "on": "is"}.get(name, name), other, fold)

    def _positive(self, value: Any, kind: str, name: str, operand: Any, fold: bool) -> bool:
        if name == "is_set":
            return (value is not None and value != []) == operand
        if value is None:
            return False
        if name == "matches":
            return re.search(operand, value, re.IGNORECASE if fold else 0) is not None
        if name in ("within_last", "within_next"):
            return self._near(value, kind, operand, name == "within_next")
        if name == "within":
            return self.in_period(operand, value)
        if name == "anniversary":
            return self._anniversary(value, kind, operand)
        if name in ("before", "after", "on"):
            return self._calendar(value, kind, name, operand)
        given = [self.read(one, kind) for one in operand] if isinstance(operand, list) else self.read(operand, kind)
        return self._compare(value, kind, name, given, fold)

    @staticmethod
    def _compare(value: Any, kind: str, name: str, given: Any, fold: bool) -> bool:
        if fold:
            value = [one.lower() for one in value] if isinstance(value, list) else value.lower()
            given = [one.lower() for one in given] if isinstance(given, list) else given.lower()
        if kind == "list_of_text":
            return bool(set(value) & set(given if isinstance(given, list) else [given]))
        match name:
            case "is":
                return bool(value == given)
            case "in":
                return value in given
            case "gt":
                return bool(value > given)
            case "gte":
                return bool(value >= given)
            case "lt":
                return bool(value < given)
            case "lte":
                return bool(value <= given)
            case "between":
                return bool(given[0] <= value <= given[1])
            case "contains":
                return given in value
            case "starts_with":
                return bool(value.startswith(given))
            case "ends_with":
                return bool(value.endswith(given))
        raise ValueError(name)

    def read(self, value: Any, kind: str) -> Any:
        if kind == "date":
            return date.fromisoformat(value)
        if kind in ("number", "integer"):
            return Decimal(repr(value))
        return self.instant(value) if kind == "timestamp" else value

    def instant(self, text: Any) -> datetime:
        """A bare date is the start of that day in the project's zone; a time without an offset is UTC."""
        near = self._near_day(text)
        if near is not None:
            return self.midnight(near)
        if len(text) == 10:
            return self.midnight(date.fromisoformat(text))
        found = datetime.fromisoformat(text)
        return found if found.tzinfo else found.replace(tzinfo=UTC)

    def _today(self) -> date:
        return self.as_of.astimezone(self.zone).date()

    def _near(self, value: Any, kind: str, span: Duration, forward: bool) -> bool:
        """(as_of - span, as_of], or (as_of, as_of + span]; with days of the project's zone for dates."""
        if kind == "date":
            today = self._today()
            ahead, back = (_months_on(today, sign * span.months) for sign in (1, -1))
            days = timedelta(days=span.seconds // 86400)
            return today < value <= ahead + days if forward else back - days < value <= today
        now = self.as_of
        return (
            bool(now < value <= self.step(now, span, 1)) if forward else bool(self.step(now, span, -1) < value <= now)
        )

    def step(self, moment: datetime, span: Duration, sign: int) -> datetime:
        """A span later or earlier: months on the clocks of the zone, everything else on a stopwatch."""
        if span.months:
            shown = moment.astimezone(self.zone)
            day = _months_on(shown.date(), sign * span.months)
            moment = self.shows(datetime.combine(day, shown.time().replace(fold=0)))
        return moment + timedelta(seconds=sign * span.seconds)

    def shows(self, clock: datetime) -> datetime:
        """The first instant at which clocks of the zone show at least `clock`, after they showed less."""
        guess = clock.replace(tzinfo=UTC)
        offsets = {(guess + timedelta(hours=h)).astimezone(self.zone).utcoffset() for h in range(-48, 49, 6)}
        found = [guess - offset for offset in offsets if offset is not None]
        exact = [one for one in found if one.astimezone(self.zone).replace(tzinfo=None) == clock]
        if exact:
            return min(exact)
        moment = min(found).replace(second=0, microsecond=0)
        while moment.astimezone(self.zone).replace(tzinfo=None) < clock:
            moment += timedelta(minutes=1)
        return moment

    def midnight(self, day: date) -> datetime:
        """When a day of the zone begins."""
        return self.shows(datetime.combine(day, datetime.min.time()))

    def _calendar(self, value: Any, kind: str, name: str, text: Any) -> bool:
        near = self._near_day(text)
        if near is not None:
            value, day = value.astimezone(self.zone).date() if kind == "timestamp" else value, near
        elif kind == "timestamp" and len(text) > 10:
            value, day = value, self.instant(text)
        else:
            # a day of the project's zone: before it, after all of it, somewhere in it
            value = value.astimezone(self.zone).date() if kind == "timestamp" else value
            day = date.fromisoformat(text)
        return bool({"before": value < day, "after": value > day, "on": value == day}[name])

    def _anniversary(self, value: Any, kind: str, operand: Any) -> bool:
        born = value.astimezone(self.zone).date() if kind == "timestamp" else value
        today = self._today()
        end = today + timedelta(days=1)
        if operand != "today":
            span = operand.within_next
            end = _months_on(today, span.months) + timedelta(days=span.seconds // 86400)
        for offset in range((end - today).days):
            day = today + timedelta(days=offset)
            leap = day.year % 4 == 0 and (day.year % 100 != 0 or day.year % 400 == 0)
            kept = (2, 28) if (born.month, born.day) == (2, 29) and not leap else (born.month, born.day)
            if kept == (day.month, day.day):
                return True
        return False


def _months_on(day: date, months: int) -> date:
    """So many months later, on the month's last day where it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _kept(row: Row, name: str, attribute: Attribute) -> Any:
    """What a column holds, or what lies at the end of a path into it."""
    if isinstance(attribute.column, list):
        column, *keys = attribute.column
        return _inside(row[column], keys, attribute.type)
    return _cell(row[attribute.column or name], attribute.type)


def _inside(document: Any, keys: list[str], kind: str) -> Any:
    try:
        found = [json.loads(document) if isinstance(document, str) else document]
    except ValueError:
        found = []
    many = kind == "list_of_text"
    for key in keys:
        found = [one for value in found for one in (value if many and isinstance(value, list) else [value])]
        found = [value[key] for value in found if isinstance(value, dict) and key in value]
    found = [one for value in found for one in (value if many and isinstance(value, list) else [value])]
    texts = [text for one in found if one is not None and (text := _label(one)) is not None]
    return texts if many else _from_text(texts[0], kind) if texts else None


def _cell(value: Any, kind: str) -> Any:
    """What a column holds, as `kind`."""
    if isinstance(value, (float, Decimal)):
        # A double is its shortest text; what is no number is missing.
        exact = Decimal(repr(value)) if isinstance(value, float) else value
        value = exact if exact.is_finite() else None
        if kind == "text" and value is not None:
            return _brief(value)
    if kind == "integer" and value is not None:
        return int(value) if value == int(value) else None
    if kind == "list_of_text" and value is not None:
        return _list(value) if isinstance(value, str) else [one for one in value if one is not None]
    return _aware(value)


def _brief(value: Decimal) -> str:
    """A number in as few characters as it takes, without an exponent."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _label(value: Any) -> str | None:
    """The text of something in JSON."""
    if isinstance(value, float):
        found: str | None = _cell(value, "text")
        return found
    return value if isinstance(value, str) else json.dumps(value)


def _list(text: str) -> list[str] | None:
    """The texts of a JSON array; None when it is none."""
    try:
        found = json.loads(text)
    except (ValueError, ArithmeticError):
        return None
    if not isinstance(found, list):
        return None
    return [text for one in found if one is not None and (text := _label(one)) is not None]


def _aware(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


def _in_bounds(value: int | Decimal | Fraction, test: o.NumberTest) -> bool:
    def exact(bound: float) -> Fraction:
        return Fraction(repr(bound))

    value = Fraction(value)
    checks = [
        test.is_ is None or value == exact(test.is_),
        test.gt is None or value > exact(test.gt),
        test.gte is None or value >= exact(test.gte),
        test.lt is None or value < exact(test.lt),
        test.lte is None or value <= exact(test.lte),
        test.between is None or exact(test.between[0]) <= value <= exact(test.between[1]),
    ]
    return all(checks)


def _at_the_end(name: str, rows: list[tuple[datetime | None, Any]]) -> Any:
    """The value of the first or last row. Of rows at the same time `first` takes the smallest value and `last` the
    largest; rows without a time and values that are missing come after all others."""
    if not rows:
        return None
    timed = [row for row in rows if row[0] is not None] or rows
    moment = {"first": min, "last": max}[name](at for at, _ in timed) if timed[0][0] is not None else None
    values = [value for at, value in timed if at == moment and value is not None]
    return {"first": min, "last": max}[name](values) if values else None


def _property(source: Any, name: str, attribute: Attribute, row: Row) -> Any:
    if source.payload is None:
        return _kept(row, name, attribute)
    if isinstance(attribute.column, list):
        return _inside(row[source.payload.column], attribute.column, attribute.type)
    key = attribute.column or name
    payload = row[source.payload.column]
    if source.payload.format == "struct":
        return _cell(payload[key], attribute.type) if payload is not None else None
    try:
        value = json.loads(payload)[key] if payload is not None else None
    except (ValueError, KeyError, TypeError):
        return None
    if value is None:
        return None
    if attribute.type == "text":
        return _label(value)
    return _from_text(value if isinstance(value, str) else json.dumps(value), attribute.type)


def _from_text(text: str | None, kind: str) -> Any:
    """A value that is kept as text; one of the wrong type is missing."""
    if text is None or kind == "text":
        return text
    try:
        if kind == "list_of_text":
            return _list(text)
        if kind == "integer":
            return _cell(float(text), kind)
        if kind == "number":
            return _cell(Decimal(text.strip()), kind)
        if kind == "boolean":
            return {"true": True, "false": False}.get(text.strip())
        if kind == "date":
            return date.fromisoformat(text)
        found = datetime.fromisoformat(text)
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, ArithmeticError):
        return None
