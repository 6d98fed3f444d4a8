"""What 100 random segments cost against the same conditions written by hand, one SELECT per segment:

    python -m tests.measure_conditions [CONTACTS] [EVENTS] [SEGMENTS] [SEED]

Both run on the same DuckDB file, each in a process of its own with a limit of 8 GB, and must find the same members.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import duckdb
from sqlglot import exp

from segflow.segments.membership_models import CONTACTS, MEMBERSHIPS
from segflow.specs.catalog import Catalog
from segflow.warehouse.base import relation
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.segments.engine import Engine, make_specs

AS_OF = datetime(2026, 3, 1, tzinfo=UTC)
LIMIT = "8GB"
NAMES = ("view", "view", "view", "view", "search", "search", "cart", "purchase", "purchase", "login")
CATEGORIES = ("tea", "coffee", "cake", "cups", "pots", "books", "gifts", "other")
CITIES = ("London", "Paris", "Berlin", "Rome", "Madrid", "Vienna", "Oslo", "Lisbon")
CATALOG = Catalog.model_validate(
    {
        "contacts": {
            "model": "people",
            "attributes": {
                "city": "text", "age": "number", "vip": "boolean", "signed_up": "timestamp", "last_seen": "timestamp",
            },
        },
        "events": [{
            "model": "events", "name": "event_name",
            "types": {name: {"category": "text", "amount": "number"} for name in sorted(set(NAMES))},
        }],
        "objects": {
            "order": {
                "model": "orders", "key": "order_id", "via": "contact_id", "created_at": "ordered_at",
                "fields": {"status": "text", "total": "number"},
            }
        },
        "lists": {"model": "lists", "added_at": "added_at"},
        "tags": {"model": "tags"},
    }
)  # fmt: skip


def fill(path: Path, contacts: int, events: int) -> None:
    """The user's models, without any file: events lie in the order of their time. Amounts are quarters, whose sums are
    the same in any order."""

    def pick(values: tuple[str, ...], number: str) -> str:
        return f"[{', '.join(repr(value) for value in values)}][1 + ({number} % {len(values)})::BIGINT]"

    as_of = f"TIMESTAMP '{AS_OF:%Y-%m-%d}'"
    someone = f"'c' || (hash(i, 'who') % {contacts})"
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute("CREATE SCHEMA raw")
        connection.execute(f"""
            CREATE TABLE raw.people AS SELECT 'c' || i AS contact_id,
                CASE WHEN i % 7 > 0 THEN {pick(CITIES, "hash(i)")} END AS city,
                CASE WHEN i % 11 > 0 THEN (hash(i, 1) % 90)::DOUBLE END AS age, hash(i, 2) % 20 = 0 AS vip,
                {as_of} - to_seconds((hash(i, 3) % 60000000)::BIGINT) AS signed_up,
                CASE WHEN i % 5 > 0 THEN {as_of} - to_seconds((hash(i, 4) % 20000000)::BIGINT) END AS last_seen
            FROM range({contacts}) AS r(i)""")
        connection.execute(f"""
            CREATE TABLE raw.events AS SELECT {someone} AS contact_id, {pick(NAMES, "hash(i, 5)")} AS event_name,
                {as_of} - to_microseconds((({events} - i) * {63_072_000_000_000 // events})) AS occurred_at,
                {pick(CATEGORIES, "hash(i, 6)")} AS category, (hash(i, 7) % 400 / 4)::DOUBLE AS amount
            FROM range({events}) AS r(i)""")
        connection.execute(f"""
            CREATE TABLE raw.orders AS SELECT i AS order_id, {someone} AS contact_id,
                {as_of} - to_microseconds((({events // 10} - i) * {630_720_000_000_000 // events})) AS ordered_at,
                {pick(("paid", "paid", "open", "refunded"), "hash(i, 8)")} AS status,
                (hash(i, 9) % 2000 / 4)::DOUBLE AS total
            FROM range({events // 10}) AS r(i)""")
        for table, number in (("lists", contacts // 2), ("tags", contacts // 4)):
            connection.execute(f"""
                CREATE TABLE raw.{table} AS SELECT DISTINCT ON (contact_id, name) {someone} AS contact_id,
                    {pick(("a", "b", "c", "d"), "hash(i, 10)")} AS name,
                    {as_of} - to_seconds((hash(i, 11) % 20000000)::BIGINT) AS added_at
                FROM range({number}) AS r(i)""")


@dataclass(frozen=True)
class Rule:
    """A condition as a file has it, and as an analyst would write it about a contact `c`."""

    condition: dict[str, Any]
    sql: str


class Maker:
    """Draws rules: depth up to 4, about 5 leaves."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def one(self, *values: Any) -> Any:
        return self.random.choice(values)

    def rules(self, number: int) -> dict[str, Rule]:
        found: dict[str, Rule] = {}
        for position in range(number):
            found[f"s{position:03}"] = self.rule(list(found), 4)
        return found

    def rule(self, earlier: list[str], depth: int) -> Rule:
        group = self.one("all", "any", "all", "not") if depth == 4 else self.one(None, None, "all", "any", "none")
        if group is None or depth == 1:
            return self.leaf(earlier)
        if group == "not":
            inner = self.rule(earlier, depth - 1)
            return Rule({"not": inner.condition}, f"({inner.sql}) IS NOT TRUE")
        items = [self.rule(earlier, depth - 1) for _ in range(self.one(2, 2, 3))]
        together = (" AND " if group == "all" else " OR ").join(f"({item.sql})" for item in items)
        sql = f"({together}) IS NOT TRUE" if group == "none" else together
        return Rule({group: [item.condition for item in items]}, sql)

    def leaf(self, earlier: list[str]) -> Rule:
        kinds: list[Callable[[], Rule]] = [self.attribute] * 4 + [self.event] * 6 + [self.order] * 2 + [self.label] * 2
        if earlier and self.random.random() < 0.08:
            name = self.one(*earlier)
            return Rule({"segment": name}, _exists("hand", name))
        return self.one(*kinds)()

    def attribute(self) -> Rule:
        city, age, days = self.one(*CITIES), self.one(18, 30, 50, 65), self.one(7, 30, 90, 365)
        moment = self.one("signed_up", "last_seen")
        lately = f"c.{moment} > {_before(days)} AND c.{moment} <= {_before(0)}"
        return self.one(
            Rule({"attribute": "city", "is": city}, f"c.city = '{city}'"),
            Rule({"attribute": "city", "is_not": city}, f"c.city IS DISTINCT FROM '{city}'"),
            Rule({"attribute": "age", "gte": age}, f"c.age >= {age}"),
            Rule({"attribute": "age", "between": [age, age + 10]}, f"c.age BETWEEN {age} AND {age + 10}"),
            Rule({"attribute": "vip", "is": True}, "c.vip"),
            Rule({"attribute": moment, "within_last": f"{days} days"}, lately),
        )

    def event(self) -> Rule:
        name, category, days = self.one(*NAMES[4:]), self.one(*CATEGORIES), self.one(7, 30, 60, 90, 180, 365, None)
        spec: dict[str, Any] = {"event": name}
        where = f"e.event_name = '{name}' AND e.occurred_at <= {_before(0)}"
        if days is not None:
            spec["within_last"] = f"{days} days"
            where += f" AND e.occurred_at > {_before(days)}"
        if self.one(True, False):
            spec["where"] = {"property": "category", "is": category}
            where += f" AND e.category = '{category}'"
        number, amount = self.one(2, 3, 5), self.one(50, 200, 500)
        measured = {"property": "amount", "gte": amount}
        since = self.one(30, 90)
        return self.one(
            Rule(spec, _exists("raw", "events", where)),
            Rule({**spec, "count": 0}, f"NOT {_exists('raw', 'events', where)}"),
            Rule({**spec, "count": {"gte": number}}, _having("events", where, f"count(*) >= {number}")),
            Rule({**spec, "sum": measured}, _having("events", where, f"sum(e.amount) >= {amount}")),
            Rule({**spec, "max": {"property": "amount", "gt": 99}}, _having("events", where, "max(e.amount) > 99")),
            Rule(
                {**spec, "last_time": {"before": f"{AS_OF - timedelta(days=since):%Y-%m-%d}"}},
                _having("events", where, f"max(e.occurred_at) < {_before(since)}"),
            ),
        )  # fmt: skip

    def order(self) -> Rule:
        days, total, status = self.one(30, 90, 365), self.one(100, 500, 1000), self.one("paid", "refunded")
        spec = {"object": "order", "where": {"field": "status", "is": status}, "within_last": f"{days} days"}
        where = f"e.status = '{status}' AND e.ordered_at <= {_before(0)} AND e.ordered_at > {_before(days)}"
        return self.one(
            Rule(spec, _exists("raw", "orders", where)),
            Rule({**spec, "count": {"gte": 2}}, _having("orders", where, "count(*) >= 2")),
            Rule({**spec, "sum": {"field": "total", "gt": total}}, _having("orders", where, f"sum(e.total) > {total}")),
        )

    def label(self) -> Rule:
        name, days = self.one("a", "b", "c", "d"), self.one(7, 30, 90)
        known = f"e.name = '{name}'"
        added = f"{known} AND e.added_at > {_before(days)} AND e.added_at <= {_before(0)}"
        return self.one(
            Rule({"list": name}, _exists("raw", "lists", f"{known} AND e.added_at <= {_before(0)}")),
            Rule({"list": name, "added": {"within_last": f"{days} days"}}, _exists("raw", "lists", added)),
            Rule({"tag": name}, _exists("raw", "tags", known)),
        )


def _before(days: int) -> str:
    return f"TIMESTAMP '{AS_OF - timedelta(days=days):%Y-%m-%d %H:%M:%S}'"


def _exists(schema: str, table: str, where: str = "true") -> str:
    return f"EXISTS (SELECT 1 FROM {schema}.{table} AS e WHERE e.contact_id = c.contact_id AND {where})"


def _having(table: str, where: str, having: str) -> str:
    rows = f"SELECT e.contact_id FROM raw.{table} AS e WHERE {where} GROUP BY e.contact_id HAVING {having}"
    return f"c.contact_id IN ({rows})"


@dataclass
class Outcome:
    """Seconds by part (wall and CPU), the most memory, and per segment how many members with which hash."""

    wall: dict[str, float]
    cpu: dict[str, float]
    peak: float
    members: dict[str, tuple[int, int]]


class Clock:
    """Adds up what parts take."""

    def __init__(self) -> None:
        self.wall: dict[str, float] = {}
        self.cpu: dict[str, float] = {}

    def run(self, part: str, work: Callable[[], Any]) -> Any:
        wall, cpu = time.perf_counter(), time.process_time()
        found = work()
        self.wall[part] = self.wall.get(part, 0) + time.perf_counter() - wall
        self.cpu[part] = self.cpu.get(part, 0) + time.process_time() - cpu
        return found

    def outcome(self, members: dict[str, tuple[int, int]]) -> Outcome:
        # Linux counts in KiB.
        return Outcome(self.wall, self.cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, members)


def warm(connection: duckdb.DuckDBPyConnection) -> None:
    """Read everything once, so that the first to run does not pay for the disk."""
    for table in ("people", "events", "orders", "lists", "tags"):
        connection.execute(f"SELECT max(COLUMNS(*)) FROM raw.{table}").fetchall()


def by_hand(path: Path, rules: dict[str, Rule]) -> Outcome:
    clock, members = Clock(), {}
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute(f"SET memory_limit = '{LIMIT}'")
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("CREATE OR REPLACE SCHEMA hand")
        warm(connection)
        for name, rule in rules.items():
            statement = f"CREATE TABLE hand.{name} AS SELECT c.contact_id FROM raw.people AS c WHERE {rule.sql}"
            clock.run("statements", lambda: connection.execute(statement))  # noqa: B023
            said = connection.execute(f"SELECT count(*), coalesce(sum(hash(contact_id)), 0) FROM hand.{name}")
            members[name] = said.fetchall()[0]
    return clock.outcome(members)


def by_segflow(path: Path, rules: dict[str, Rule]) -> Outcome:
    clock = Clock()
    specs = make_specs(CATALOG, {name: rule.condition for name, rule in rules.items()})
    with DuckDBWarehouse(path, memory_limit=LIMIT) as warehouse:
        warehouse.ensure_tables()
        warehouse._connection.execute("SET enable_progress_bar = false")
        warm(warehouse._connection)
        engine: Engine = clock.run("compile", lambda: Engine(warehouse, specs, AS_OF))
        facts = [f"facts/{model}.sql" for model in engine.compiled.fact_models()]
        for name in (f"{CONTACTS}.sql", *facts, f"{MEMBERSHIPS}.sql"):
            model = name.rpartition("/")[2].removesuffix(".sql")
            query = clock.run("compile", lambda: engine.fill(engine.compiled.files[name].split("\n", 1)[1]))  # noqa: B023
            table = exp.Create(this=relation(model), kind="TABLE", replace=True, expression=query)
            clock.run(model, lambda: warehouse.execute(table))  # noqa: B023
        said = f"SELECT segment, count(*), sum(hash(contact_id)) FROM segflow.{MEMBERSHIPS} GROUP BY ALL"
        found = {name: (number, told) for name, number, told in warehouse._connection.execute(said).fetchall()}
    return clock.outcome({name: found.get(name, (0, 0)) for name in rules})


def _answer(work: Callable[[Path, dict[str, Rule]], Outcome], path: Path, rules: dict[str, Rule], pipe: Any) -> None:
    pipe.send(work(path, rules))


def apart(work: Callable[[Path, dict[str, Rule]], Outcome], path: Path, rules: dict[str, Rule]) -> Outcome:
    """Run in a process of its own, whose memory is its own, too."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_answer, args=(work, path, rules, theirs))
    process.start()
    theirs.close()
    found: Outcome = ours.recv()
    process.join()
    return found


def main(contacts: int, events: int, segments: int, seed: int) -> None:
    rules = Maker(seed).rules(segments)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "warehouse.duckdb"
        fill(path, contacts, events)
        hand = apart(by_hand, path, rules)
        say("by hand", hand)
        ours = apart(by_segflow, path, rules)
        say("segflow", ours)
    ratio = sum(ours.wall.values()) / sum(hand.wall.values())
    print(f"ratio: {ratio:.2f} (CPU {sum(ours.cpu.values()) / sum(hand.cpu.values()):.2f})")
    wrong = [name for name in rules if hand.members[name] != ours.members[name]]
    assert not wrong, f"other members: { {name: (hand.members[name], ours.members[name]) for name in wrong} }"
    print(f"the same {sum(number for number, _ in ours.members.values())} members of {segments} segments")


def say(word: str, found: Outcome) -> None:
    total, cpu = sum(found.wall.values()), sum(found.cpu.values())
    print(f"{word}: {total:.2f} s, CPU {cpu:.2f} s, at most {found.peak:.2f} GB", flush=True)
    for part, seconds in sorted(found.wall.items(), key=lambda item: -item[1]):
        print(f"  {part:30} {seconds:7.2f} s, CPU {found.cpu[part]:7.2f} s", flush=True)


if __name__ == "__main__":
    given = [int(number) for number in sys.argv[1:]]
    main(*(given + [1_000_000, 20_000_000, 100, 4][len(given) :]))
