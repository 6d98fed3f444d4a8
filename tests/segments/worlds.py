"""Random small worlds and random conditions about them: few values, so that ties, gaps and borders are common."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

from tests.segments.naive import Row, World
from tests.segments.worlds_catalog import (
    CATALOG,
    EXPRESSIONS,
    FLOWS,
    FROM_SQL,
    LABELS,
    LOCAL_MOMENTS,
    MOMENTS,
    NO_NUMBERS,
    NUMBERS,
    PREFIXES,
    SHOP,
    SPANS,
    STANDINGS,
    TEXTS,
    TOLD,
    TYPES,
    WHOLE_SPANS,
    ZONES,
)


class Maker:
    """Draws data and conditions from one seeded source."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.zone = ZoneInfo(self.random.choice(ZONES))
        self.week_starts = self.random.choice(("monday", "sunday", "saturday"))
        local = [moment.replace(tzinfo=self.zone).astimezone(UTC) for moment in LOCAL_MOMENTS]
        self.as_of = self.random.choice((*MOMENTS, *local))

    def _one(self, *values: Any) -> Any:
        return self.random.choice(values)

    def _maybe(self, value: Any) -> Any:
        return None if self.random.random() < 0.15 else value

    # --- data ----------------------------------------------------------------------------------------------------

    def moment(self) -> datetime:
        """A naive UTC time near a border that conditions speak of: before, on and after it."""
        day = datetime.combine(self.as_of.astimezone(self.zone).date(), datetime.min.time(), self.zone)
        base = self._one(self.as_of, day, self.as_of, datetime(2026, 1, 31, tzinfo=UTC)).astimezone(UTC)
        steps = (
            relativedelta(),
            relativedelta(days=1),
            relativedelta(days=7),
            relativedelta(days=30),
            relativedelta(months=1),
            relativedelta(months=3),
            relativedelta(years=1),
            relativedelta(hours=12),
        )
        sign = self._one(1, -1, -1, -1)
        step = sign * self._one(*steps)
        if self._one(True, False):  # on the clocks of the zone, where it may be twice or not at all
            clock = base.astimezone(self.zone).replace(tzinfo=None) + step
            found = clock.replace(tzinfo=self.zone, fold=self._one(0, 1)).astimezone(UTC)
        else:
            found = base + step
        return (found + timedelta(microseconds=self._one(-1, 0, 0, 1))).replace(tzinfo=None)

    def day(self) -> date:
        ahead = self.as_of.astimezone(self.zone).date() + timedelta(days=self._one(-1, 0, 1, 6, 7, 29, 30, 31))
        birthday = ahead.replace(year=2000)
        return self._one(self.moment().date(), self.moment().date(), birthday, birthday, date(2000, 2, 29))

    def double(self) -> float:
        """What a column of doubles may hold."""
        return self._one(*NUMBERS, *NUMBERS, *NO_NUMBERS)

    def value(self, kind: str) -> Any:
        match kind:
            case "text":
                return self._one(*TEXTS)
            case "number":
                return self._one(*NUMBERS)
            case "boolean":
                return self._one(True, False)
            case "date":
                return self.day()
            case "integer":
                return self._one(-1, 0, 1, 2, 7)
            case "list_of_text":
                return [self._maybe(self._one(*TEXTS)) for _ in range(self._one(0, 1, 1, 2, 3))]
        return self.moment()

    def home(self) -> str | None:
        """JSON to go into by a path, with a list and without one where a pet is."""
        pets = [{"toys": self._one("ball", None, ["ball", "it's", None], [])}, self._one({}, 5, None, {"toys": "x"})]
        home = {
            "the street": self._one({"0": self._one(*TEXTS, None)}, ["no"], "no", None),
            "floor": self._one(1, 2, 2.5, "7", None),
            "pets": self._one(pets, pets[0], None),
        }
        return self._one(None, "{broken", "[]", *[json.dumps(home)] * 9)

    def payload(self) -> str | None:
        values: Row = {
            'the "category"': self._one(*TEXTS, None, 5, 2.0, 0.3, 1e17, True),
            "amount": self._one(*NUMBERS, *NUMBERS, None, "7", " 0.10", "many", *NO_NUMBERS),
            "pieces": self._one(1, 2, 2.5, 7.0, None, "2", "few"),
            "labels": self._one(self.value("list_of_text"), None, "London", [1, 2.0, "2.0", "x"], {}),
            "gift": self._one(True, False, None, " true ", "perhaps"),
            "day": self._one(self.day().isoformat(), None, "soon"),
            "moment": self.moment().isoformat() + self._one("", "Z", "+02:00", "-05:30"),
            "contact_id": self._one(*TEXTS),
            "at": self._one(*NUMBERS),
            "at_value": self._one(*NUMBERS),
            "lines": self._one(
                {"*": {"": self._one(*TEXTS)}, "the sku": self._one(*TEXTS)},
                [{"the sku": self._one(*TEXTS)}, {"the sku": [self._one(*TEXTS)]}, {"other": 1}],
                None,
            ),
        }
        kept = {key: value for key, value in values.items() if self.random.random() < 0.85}
        return self._one(None, "{broken", "[]", *([json.dumps(kept)] * 12))

    def world(self) -> World:
        people = list(range(1, 13))

        def person() -> int | None:
            return self._one(None, 99, *people[:-2] * 2)

        def text(number: int | None) -> str | None:
            return None if number is None else str(number)

        tables: dict[str, list[Row]] = {
            "people": [
                {
                    "Person No": key,
                    "joined": self._maybe(self.moment()),
                    "city": self._maybe(self.value("text")),
                    "age": self._maybe(self.double()),
                    "is vip": self._maybe(self.value("boolean")),
                    "birthday": self._maybe(self.day()),
                    "seen": self._maybe(self.moment()),
                    "score": self._maybe(self.double()),
                    "town": self._maybe(self.double()),
                    "children": self._maybe(self.double()),
                    "hobbies": self._maybe(self.value("list_of_text")),
                    "wishes": self._one(json.dumps(self.value("list_of_text")), None, "5", "broken", '{"a": 1}'),
                    "company": self._one(None, "", "1", "2", "3", "x"),
                    "home": self.home(),
                }
                for key in [*people, None, None]
            ],
            "clicks": [
                {
                    "person": person(),
                    "happened": self._maybe(self.moment()),
                    "kind": self._one("purchase", "purchase", "purchase", "visit", SHOP, "review_click", "other", None),
                    "payload": self.payload(),
                }
                for _ in range(60)
            ],
            "calls": [
                {
                    "contact_id": text(person()),
                    "at": self._maybe(self.moment()),
                    "events": self._maybe(
                        {
                            "topic": self._maybe(self.value("text")),
                            "minutes": self._maybe(self.double()),
                            "End": self._maybe(self.moment()),
                        }
                    ),
                }
                for _ in range(25)
            ],
            "reviews": [
                {
                    "contact_id": text(person()),
                    "written": self._maybe(self.moment()),
                    "stars": self._maybe(self.double()),
                    "words": self._maybe(self.value("text")),
                    "order": self._maybe(self.double()),
                    "public": self._maybe(self.value("boolean")),
                }
                for _ in range(25)
            ],
            "orders": [
                {
                    "no": number,
                    "person": person(),
                    "placed": self._maybe(self.moment()),
                    "status": self._maybe(self.value("text")),
                    "total": self._maybe(Decimal(repr(self.value("number")))),
                    "due": self._maybe(self.day()),
                }
                for number in range(25)
            ],
            "items": [
                {
                    "no": number,
                    "order_no": self._maybe(self.random.randrange(28)),
                    "sku": self._maybe(self.double()),
                    "qty": self._maybe(self.double()),
                }
                for number in range(40)
            ],
            "parcels": [
                {
                    "no": number,
                    "item_no": self._maybe(self.random.randrange(45)),
                    "sent": self._maybe(self.moment()),
                    "carrier": self._maybe(self.value("text")),
                    "weight": self._maybe(self.double()),
                }
                for number in range(30)
            ],
            "companies": [
                {"no": number, "founded": self._maybe(self.moment()), "size": self._maybe(self.double())}
                for number in (1, 2, 4)
            ],
            "plans": [
                {
                    "no": number,
                    "company_no": self._one(1, 2, 3, 4, None),
                    "booked": self._maybe(self.moment()),
                    "level": self._maybe(self.value("text")),
                    "price": self._maybe(Decimal(repr(self.value("number")))),
                }
                for number in range(12)
            ],
            "list_rows": [
                {
                    "person": text(person()),
                    "list": self._one(*LABELS, None),
                    "added": self._maybe(self.moment()),
                    "stands": self._one(*STANDINGS),
                }
                for _ in range(15)
            ],
            "tag_rows": [{"person": person(), "tag": self._one(*LABELS, None)} for _ in range(10)],
        }
        world = World(CATALOG, self.zone, self.as_of, tables, self._updates(people), expressions=EXPRESSIONS)
        world.week_starts = self.week_starts
        world.deliveries = [{**self._message(), "outcome": self._one("sent", "sent", "skipped")} for _ in range(40)]
        kinds = ("opened", "opened", "opened", *TOLD)
        world.message_events = [{**self._message(), "kind": self._one(*kinds)} for _ in range(80)]
        world.history = self._history(tables["people"])
        return world

    def _message(self) -> Row:
        """Something about one of a few messages of a few contacts."""
        number = self.random.randrange(24)
        place = FLOWS[number % len(FLOWS)]
        return {"message_id": f"m{number}", "contact_id": str(number % 8 + 1), **place, "at": self.moment()}

    def _history(self, people: list[Row]) -> list[Row]:
        """What earlier ticks saw; the last of it is often what is there now."""
        found = {}
        for _ in range(60):
            person = self._one(*people)
            name, column = self._one(("city", "city"), ("vip", "is vip"), ("age", "age"))
            value = self._one(person[column], person[column], self.value("text"), None)
            text = str(value).lower() if isinstance(value, bool) else None if value is None else str(value)
            row = {"contact_id": str(person["Person No"]), "attribute": name, "value": text, "since": self.moment()}
            found[row["contact_id"], name, row["since"]] = row
        return list(found.values())

    def _updates(self, people: list[int]) -> list[Row]:
        found = []
        for hop in range(20):
            kind = self._one("list", "tag", "attribute")
            name = self._one("level", "score") if kind == "attribute" else self._one(*LABELS)
            value = self._one("add", "remove")
            if kind == "attribute":
                value = self._maybe(self._one(*TEXTS) if name == "level" else str(self._one(*NUMBERS)))
            contact = str(self._one(*people))
            row = {"contact_id": contact, "kind": kind, "name": name, "value": value, "at": self.moment(), "hop": hop}
            found.append(row)
        return found

    # --- conditions ----------------------------------------------------------------------------------------------

    def written(self, kind: str) -> Any:
        """A value as a spec writes it."""
        value = self.value("text" if kind == "list_of_text" else kind)
        if kind == "date":
            return value.isoformat()
        if kind == "timestamp":
            return self._one(value.date().isoformat(), value.isoformat() + "Z", value.isoformat() + "+01:00")
        return int(value) if kind == "number" and value.is_integer() and self._one(True, False) else value

    def test(self, kind: str) -> Row:
        """One operator with its operand, for a value of `kind`."""
        operators = ["is", "is_not", "in", "not_in", "is_set", "is_not_set"]
        if kind == "list_of_text":
            operators = ["contains", "not_contains", "in", "not_in", "is_set", "is_not_set"]
        elif kind != "boolean":
            operators += ["gt", "gte", "lt", "lte", "between"]
        if kind == "text":
            operators += ["contains", "not_contains", "starts_with", "ends_with", "matches"]
        if kind in ("date", "timestamp"):
            operators += ["before", "after", "on", "within_last", "not_within_last", "within_next", "anniversary"] * 2
            operators += ["within", "not_within", "within"]
        name = self._one(*operators)
        match name:
            case "in" | "not_in":
                fold = {"ignore_case": True} if kind == "list_of_text" and self._one(True, False) else {}
                return {name: [self.written(kind) for _ in range(self._one(1, 2, 3))], **fold}
            case "is_set":
                return {name: self._one(True, False)}
            case "is_not_set":
                return {name: True}
            case "between":
                return {name: sorted([self.written(kind), self.written(kind)])}
            case "matches":
                return {name: self._one("^Lon", "o.d", "'s", "x|ã", "^$"), "ignore_case": self._one(True, False)}
            case "within_last" | "not_within_last" | "within_next":
                return {name: self._one(*(WHOLE_SPANS if kind == "date" else SPANS))}
            case "within" | "not_within":
                return {name: self.period_of_calendar("this", "last", "last", "next")}
            case "before" | "after" | "on" if self._one(True, False):
                return {name: self.near_day()}
            case "anniversary":
                return {name: self._one("today", *({"within_next": span} for span in WHOLE_SPANS))}
            case "on":
                return {name: self.written("date")}
        fold = (
            kind in ("text", "list_of_text")
            and name not in ("gt", "gte", "lt", "lte")
            and self._one(True, False, False)
        )
        return {name: self.written(kind)} | ({"ignore_case": True} if fold else {})

    def period_of_calendar(self, *names: str) -> Row:
        """A part of the calendar: `{this: week}`, `{last: 7 days}`."""
        name, unit = self._one(*names), self._one("day", "week", "month", "quarter", "year")
        return {name: unit if name == "this" else self._one(unit, f"{self._one(1, 2, 7)} {unit}s")}

    def near_day(self) -> Any:
        """A day counted from today."""
        named = self._one("today", "yesterday", "tomorrow")
        return self._one(named, {self._one("ago", "ago", "ahead"): self._one(*WHOLE_SPANS)})

    def window(self) -> Row:
        """A window of rows or messages, or none."""
        name = self._one("within_last", "not_within_last", "since", "until", "within", "within", None, None)
        if name is None:
            return {}
        if name == "within":
            return {name: self.period_of_calendar("this", "last", "last")}
        if name.endswith("last"):
            return {name: self._one(*SPANS)}
        return {name: self._one(self.written("timestamp"), self.near_day())}

    def bounds(self, *, counts: bool) -> Row:
        value = self._one(0, 1, 2, 3) if counts else self._one(*NUMBERS, 4)
        name = self._one("is", "gt", "gte", "lt", "lte", "between")
        if name == "between":
            return {name: [value, value + self._one(0, 2)]}
        both = {"lt": value + 2} if name == "gte" and self._one(True, False) else {}
        return {name: value, **both}

    def message(self) -> Row:
        """A condition on messages."""
        spec: Row = {"message": self._one("sent", "sent", "opened", "opened", "opened", *TOLD)}
        place = self._one(*FLOWS)
        for key in self._one((), (), ("flow",), ("flow", "step"), ("channel",), ("flow", "channel")):
            spec[key] = place[key]
        if self._one(True, False, False):
            return spec | self._one(self.period(), {self._one("first_time", "last_time"): self.test("timestamp")})
        spec |= self.window()
        return spec | self._one({}, {"count": 0}, {"count": self.bounds(counts=True)})

    def rows(self, kind: str, name: str) -> Row:
        """A condition on events or objects."""
        word = "field" if kind == "object" else "property"
        if kind == "events":
            spec: Row = {"event_prefix": name} if name else {"any_event": True}
            types = {n: a.type for n, a in CATALOG.shared_properties(name).items()}
        else:
            spec, types = {kind: name}, dict(TYPES[name])
        if types and self._one(True, False):
            spec["where"] = self.where(word, types, 2, self.above(name) if kind == "object" else {})
        if kind != "object" and self._one(True, False, False, False):
            spec |= self.following(2)
        timed = kind != "object" or CATALOG.objects[name].created_at is not None
        aggregate = self._one(
            "count", "count", None, None, "sum", "avg", "min", "max", "count_distinct", "first", "last", "first_time",
            "last_time", *["period"] * 4,
        )  # fmt: skip
        if aggregate == "period":
            return spec | (self.period() if timed else {})
        windows = ("within_last", "not_within_last", "both", "since", "between", "within", "within", "near", None, None)
        window = self._one(*windows) if timed else None
        if window == "both":
            spec |= self._one(
                {"within_last": "60 days", "not_within_last": "30 days"},
                {"within_last": "1 year", "not_within_last": "1 month"},
                {"within_last": "7 days", "not_within_last": "12 hours"},
            )
        elif window in ("within_last", "not_within_last"):
            spec[window] = self._one(*SPANS)
        elif window == "within":
            spec[window] = self.period_of_calendar("this", "last", "last")
        elif window == "near":
            spec[self._one("since", "until")] = self.near_day()
        elif window is not None:
            since, until = sorted([self.written("timestamp"), self.written("timestamp")])
            spec |= {"since": since} if window == "since" else {"since": since[:10], "until": until[:10]}
            if window == "between" and spec["since"] >= spec["until"]:
                del spec["since"]
        if aggregate in ("first_time", "last_time"):
            return spec | ({aggregate: self.test("timestamp")} if timed else {})
        if aggregate == "count":
            spec["count"] = self._one(0, 1, self.bounds(counts=True))
        elif not types:
            return spec
        elif aggregate in ("sum", "avg"):
            numbers = [value for value, of in types.items() if of in ("number", "integer")]
            if not numbers:
                return spec
            spec[aggregate] = {word: self._one(*numbers), **self.bounds(counts=False)}
        elif aggregate == "count_distinct":
            spec[aggregate] = {word: self.measured(types), **self.bounds(counts=True)}
        elif aggregate is not None and (timed or aggregate in ("min", "max")):
            measured = self.measured(types)
            spec[aggregate] = {word: measured, **self.test(types[measured])}
        return spec

    def period(self) -> Row:
        """An aggregate that brings its own window."""
        name = self._one("days", "weeks", "months", "stopped", "restarted")
        if name in ("stopped", "restarted"):
            return {name: self._one(*SPANS)}
        return {name: {"of_last": self._one(1, 2, 3, 7, 12), **self.bounds(counts=True)}}

    def following(self, depth: int) -> Row:
        """What must or must not come after a row."""
        event = self._one("purchase", "purchase", "visit", "review")
        then: Row = {"event": event, "within": self._one("1 second", "12 hours", "7 days", "30 days", "90 days")}
        if self._one(True, False, False):
            then["where"] = self.where("property", TYPES[event], 1)
        if depth > 1 and self._one(True, False, False):
            then |= self.following(depth - 1)
        return {self._one("followed_by", "followed_by", "not_followed_by"): then}

    @staticmethod
    def above(name: str) -> dict[tuple[str, str], str]:
        """The fields of the objects above one: (object, field) -> type."""
        path = CATALOG.object_path(name)[1:]
        return {(owner, field): a.type for owner, spec in path for field, a in spec.fields.items()}

    def measured(self, types: dict[str, str]) -> str:
        return str(self._one(*(name for name, kind in types.items() if kind != "list_of_text")))

    def against(self) -> Row:
        """A comparison of two attributes whose types fit."""
        name, other, operators = self._one(
            ("city", "town", ["is", "is_not", "gt", "lte", "contains", "not_contains", "starts_with", "ends_with"]),
            ("hobbies", "town", ["contains", "not_contains"]),
            ("age", "children", ["is", "is_not", "gt", "gte", "lt", "lte"]),
            ("birthday", "birthday", ["is", "is_not", "on"]),
            ("seen", "joined", ["is", "is_not", "gt", "lte", "before", "after", "on"]),
            ("seen", "birthday", ["before", "after", "on"]),
            ("birthday", "seen", ["before", "after", "on"]),
            ("vip", "vip", ["is", "is_not"]),
        )
        operator = self._one(*operators)
        folds = name in ("city", "hobbies") and operator not in ("gt", "lte") and self._one(True, False)
        fold = {"ignore_case": True} if folds else {}
        return {"attribute": name, operator: {"attribute": other}, **fold}

    def where(
        self, word: str, types: dict[str, str], depth: int, above: dict[tuple[str, str], str] | None = None
    ) -> Row:
        group = self._one(None, None, "all", "any", "none", "not") if depth else None
        if group == "not":
            return {"not": self.where(word, types, depth - 1, above)}
        if group is not None:
            return {group: [self.where(word, types, depth - 1, above) for _ in range(self._one(1, 2, 2))]}
        if above and self._one(True, False):
            owner, field = self._one(*above)
            return {"field": field, "of": owner, **self.test(above[owner, field])}
        name = self._one(*types)
        return {word: name, **self.test(types[name])}

    def condition(self, earlier: list[str], depth: int = 4) -> Row:
        """A random condition; it may refer to the segments `earlier`."""
        group = self._one(None, None, "all", "any", "none", "not") if depth else None
        if group == "not":
            return {"not": self.condition(earlier, depth - 1)}
        if group is not None:
            return {group: [self.condition(earlier, depth - 1) for _ in range(self._one(1, 2, 3))]}
        leaf = self._one(
            *["attribute"] * 5,
            *["event"] * 5,
            *["object"] * 5,
            "events",
            "events",
            "message",
            "message",
            "list",
            "tag",
            "segment",
            "one word",
        )
        if leaf == "attribute" and self._one(True, False, False, False):
            return self.against()
        if leaf == "attribute":
            name = self._one(*CATALOG.contacts.attributes)
            if self._one(True, False, False):
                name = self._one("city", "vip", "age")
                held = {self._one("gt", "gte", "lt", "lte"): self._one(*SPANS)}
                test = self.test(CATALOG.contacts.attributes[name].type)
                return {"attribute": name, **test, "held_for": held}
            return {"attribute": name, **self.test(CATALOG.contacts.attributes[name].type)}
        if leaf == "events":
            return self.rows("events", self._one(*PREFIXES))
        if leaf in ("event", "object"):
            return self.rows(leaf, self._one(*(CATALOG.event_names() if leaf == "event" else CATALOG.objects)))
        if leaf == "message":
            return self.message()
        if leaf in ("list", "tag"):
            test = self._one(
                {"since": self._one(self.written("timestamp"), self.near_day())}, *[self.test("timestamp")] * 3
            )
            added = {"added": test} if leaf == "list" and self._one(True, False) else {}
            named = {leaf: self._one(*LABELS, "nobody's")}
            if leaf == "list":
                stands = self._one("subscribed", "unsubscribed", "pending", ["pending", "subscribed"], None)
                named |= {"status": stands} if stands is not None else {}
            return {**self._one(named, {f"any_{leaf}": True}), **added}
        if leaf == "segment":
            return {"segment": self._one(*earlier)}
        low, high = sorted(self.random.sample((0, 12.34, 33.33, 50, 100), 2))
        bucket = {"bucket": self._one("a", "it's", "{{ b }}")}
        return self._one(
            {"sql": self._one(*EXPRESSIONS)},
            {"everyone": True},
            {"consent": "email"},
            {**bucket, "percent": high},
            {**bucket, "between": [low, high]},
        )

    def segments(self, number: int) -> dict[str, Any]:
        """Segments by id: conditions, and one query. Later ones may refer to earlier ones."""
        found: dict[str, Any] = {"from_sql": FROM_SQL}
        for position in range(number):
            name = "contact_id" if position == 3 else f"s{position:02}"
            found[name] = self.condition(list(found))
        return found
