# ruff: noqa: E501 (tables: one case per line)
"""What explain says of the parts of a `.sql` segment, and that each part, run alone, says the same."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from segflow.cli.main import main
from segflow.errors import RunError
from segflow.explain import sql_asks
from segflow.explain.answer import Answer
from tests.explain.test_explain import AT, DAY, flat, make
from tests.world import World

Line = tuple[str, bool | None]
QUERIES = {
    "conditions": "select contact_id from {{ ref('stg_contacts') }} where age > 25 and (city = 'London' and email is not null)",
    "rows": "select contact_id from {{ ref('stg_events') }} where name = 'purchase' and \"at\" > {{ as_of() }} - interval 2 day",
    "never in one row": "select contact_id from {{ ref('stg_events') }} where \"at\" < timestamp '2026-01-08' and \"at\" > timestamp '2026-01-08'",
    "grouped": "select contact_id from {{ ref('stg_events') }} group by all having count(*) >= 2 and min(\"at\") > timestamp '2026-01-01'",
    "ctes": """
        with bought as (
            select contact_id, count(*) as n from {{ ref('stg_events') }} where name = 'purchase' group by 1
        ), mean as (select avg(n) as m from bought)
        select b.contact_id from bought b cross join mean where b.n > mean.m""",
    "another name": "with b(who, n) as (select contact_id, age from {{ ref('stg_contacts') }} where age > 1) select who as contact_id from b where n < 90",
    "joins": """
        select c.contact_id from {{ ref('contacts') }} c
        join {{ ref('stg_events') }} e using (contact_id)
        left join {{ ref('stg_tags') }} t on t.contact_id = c.contact_id and t.name = 'vip'
        where t.name is null""",
    "union": """
        select contact_id from {{ ref('segment__londoners') }}
        union select t.contact_id from {{ ref('stg_tags') }} t where t.name = 'vip'
        union all (select contact_id as who from {{ ref('stg_events') }} where name = 'visit')""",
    "except": "select contact_id from {{ ref('contacts') }} except select contact_id from {{ ref('segment__londoners') }}",
    "intersect": "select contact_id from {{ ref('contacts') }} intersect select contact_id from {{ ref('stg_tags') }}",
    "limit": "select contact_id from {{ ref('contacts') }} qualify row_number() over (order by contact_id) <= 2 order by 1 limit 1",
    "derived": "select p.person as contact_id from (select contact_id, age from {{ ref('stg_contacts') }} where age > 1) p(person, a) where p.a > 20",
    "many": "select max(contact_id) as contact_id from {{ ref('stg_contacts') }} where age > 3",
    "guarded": "select contact_id from {{ ref('stg_contacts') }} where case when city = 'London' then true else error_free end and age > 3".replace("error_free", "age is not null"),
    "star": "with all_of_it as (select * from {{ ref('contacts') }}) select * from all_of_it where city = 'London'",
    "nested": "with a as (with b as (select contact_id from {{ ref('stg_tags') }}) select * from b) select contact_id from a where contact_id in (select contact_id from a)",
    "a hidden name": "with b as (select contact_id from {{ ref('stg_tags') }}) select contact_id from (with b as (select contact_id from {{ ref('contacts') }}) select * from b) s",
    "an alias": "select upper(contact_id) as big, lower(big) as contact_id from {{ ref('stg_contacts') }} where big = 'ANA'",
}  # fmt: skip

SAID: dict[str, tuple[str, list[Line], list[str]]] = {
    "conditions": ("bob", [("FROM stg_contacts", True), ("WHERE all of", False), ("age > 25", False), ("city = 'London'", False), ("NOT email IS NULL", False)], ["age > 25", "city = 'London'", "NOT email IS NULL"]),
    "rows": ("ana", [("FROM stg_events", True), ("WHERE all of", True), ("name = 'purchase'", True), ("\"at\" > {{ as_of() }} - INTERVAL '2' DAY", True)], []),
    "never in one row": ("ana", [("FROM stg_events", True), ("WHERE all of", False), ("\"at\" < CAST('2026-01-08' AS TIMESTAMP)", True), ("\"at\" > CAST('2026-01-08' AS TIMESTAMP)", True)], ["WHERE all of"]),
    "grouped": ("bob", [("FROM stg_events", True), ("HAVING all of", False), ("count(*) >= 2", False), ("min(\"at\") > CAST('2026-01-01' AS TIMESTAMP)", False)], ["count(*) >= 2", "min(\"at\") > CAST('2026-01-01' AS TIMESTAMP)"]),
    "ctes": ("bob", [("WITH bought", True), ("FROM stg_events", True), ("WHERE name = 'purchase'", True), ("WITH mean", None), ("FROM bought AS b", True), ("CROSS JOIN mean", True), ("WHERE b.n > mean.m", False)], ["WHERE b.n > mean.m"]),
    "another name": ("bob", [("WITH b", False), ("FROM stg_contacts", True), ("WHERE age > 1", False), ("FROM b", False), ("WHERE n < 90", None)], ["WHERE age > 1"]),
    "joins": ("bob", [("FROM contacts AS c", True), ("JOIN stg_events AS e USING (contact_id)", True), ("LEFT JOIN stg_tags AS t ON t.contact_id = c.contact_id AND t.name = 'vip'", True), ("WHERE t.name IS NULL", False)], ["WHERE t.name IS NULL"]),
    "union": ("bob", [("UNION, part 1", False), ("FROM segment__londoners", False), ("UNION, part 2", True), ("FROM stg_tags AS t", True), ("WHERE t.name = 'vip'", True), ("UNION, part 3", False), ("FROM stg_events", True), ("WHERE name = 'visit'", False)], []),
    "except": ("ana", [("EXCEPT, part 1", True), ("FROM contacts", True), ("EXCEPT, what it takes away", True), ("FROM segment__londoners", True)], ["EXCEPT, what it takes away"]),
    "intersect": ("ana", [("INTERSECT, part 1", True), ("FROM contacts", True), ("INTERSECT, part 2", False), ("FROM stg_tags", False)], ["FROM stg_tags"]),
    "limit": ("bob", [("FROM contacts", True), ("QUALIFY row_number() OVER (ORDER BY contact_id) <= 2", True), ("ORDER BY 1 LIMIT 1", False)], ["ORDER BY 1 LIMIT 1"]),
    "derived": ("bob", [("FROM (SELECT contact_id, age FROM stg_contacts WHERE age > 1) AS p(person, a)", False), ("FROM stg_contacts", True), ("WHERE age > 1", False), ("WHERE p.a > 20", None)], ["WHERE age > 1"]),
    "many": ("ana", [("FROM stg_contacts", None), ("WHERE age > 3", None)], []),
    "star": ("ana", [("WITH all_of_it", True), ("FROM contacts", True), ("FROM all_of_it", True), ("WHERE city = 'London'", True)], []),
    "nested": ("ana", [("WITH a", False), ("WITH b", False), ("FROM stg_tags", False), ("FROM b", False), ("FROM a", False), ("WHERE contact_id IN (SELECT contact_id FROM a)", None)], ["FROM stg_tags"]),
    "an alias": ("ana", [("FROM stg_contacts", True), ("WHERE big = 'ANA'", True)], []),
}  # fmt: skip
"""query -> contact, its parts and whether they have the contact, what keeps it out."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = make(tmp_path_factory.mktemp("parts"))
    for name, sql in QUERIES.items():
        world.segment(name.replace(" ", "_"), sql)
    world.segment("about", {"where": {"all": [{"segment": "ctes"}, {"attribute": "age", "gt": 1}]}})
    yield world
    world.close()


def ask(world: World, name: str, contact: str) -> Any:
    return world.project.explain(name.replace(" ", "_"), contact, AT)


@pytest.mark.parametrize("name", SAID)
def test_each_part_says_whether_it_has_the_contact(world: World, name: str) -> None:
    contact, said, out = SAID[name]
    told = ask(world, name, contact)
    root, *parts = flat(told.answer)
    assert root.words == f"found by the query of segment_specs/{name.replace(' ', '_')}.sql"
    assert [(one.words, one.holds) for one in parts] == said
    assert [one.words for one in told.kept_out_by] == out


def run(world: World, sql: str) -> list[tuple[Any, ...]]:
    """A query as its author would run it by hand."""
    segment = "(select contact_id from staging.stg_contacts where city = 'London')"
    models = {
        "contacts": "(select * from staging.stg_contacts where contact_id <> 'cleo')",
        "segment__londoners": segment,
    }
    sql = re.sub(r"\{\{ ref\('(\w+)'\) \}\}( as)?", lambda m: models.get(m[1], f"staging.{m[1]}"), sql)
    sql = sql.replace("{{ as_of() }}", "timestamp '2026-01-10'")
    with duckdb.connect(str(world.root / ".segflow/warehouse.duckdb")) as connection:
        return connection.execute(sql).fetchall()


def test_the_whole_and_its_parts_agree_with_the_query_run_alone(world: World) -> None:
    seen = 0
    for name, sql in QUERIES.items():
        members = {row[0] for row in run(world, f"select contact_id from ({sql}) q")}
        for contact in ("ana", "bob"):
            told = ask(world, name, contact)
            assert told.member == (contact in members), (name, contact)
            assert told.answer.holds == told.member
            assert bool(told.kept_out_by) != told.member
            for one in flat(told.answer):
                assert (one.holds is None) == (one.unsaid is not None), one
                clause = re.match(r"(WHERE|HAVING|QUALIFY) all of", one.words)
                if clause and one.holds is not None and "rows" not in one.found:
                    # One row: it passes when all of the conditions do.
                    assert one.holds == all(part.holds for part in one.parts), (name, contact)
                    seen += 1
    assert seen > 2


ALONE: dict[tuple[str, str], str] = {
    ("conditions", "age > 25"): "select contact_id from {{ ref('stg_contacts') }} where age > 25",
    ("conditions", "city = 'London'"): "select contact_id from {{ ref('stg_contacts') }} where city = 'London'",
    ("rows", "name = 'purchase'"): "select contact_id from {{ ref('stg_events') }} where name = 'purchase'",
    ("grouped", "count(*) >= 2"): "select contact_id from {{ ref('stg_events') }} group by 1 having count(*) >= 2",
    ("ctes", "WITH bought"): "select contact_id from {{ ref('stg_events') }} where name = 'purchase'",
    ("joins", "JOIN stg_events AS e USING (contact_id)"): "select contact_id from {{ ref('contacts') }} c join {{ ref('stg_events') }} e using (contact_id)",
    ("union", "UNION, part 2"): "select contact_id from {{ ref('stg_tags') }} where name = 'vip'",
    ("union", "UNION, part 3"): "select contact_id from {{ ref('stg_events') }} where name = 'visit'",
    ("except", "EXCEPT, what it takes away"): "select contact_id from {{ ref('segment__londoners') }}",
    ("limit", "QUALIFY row_number() OVER (ORDER BY contact_id) <= 2"): "select contact_id from {{ ref('contacts') }} order by 1 limit 2",
}  # fmt: skip


@pytest.mark.parametrize(("name", "words"), list(ALONE), ids=[" ".join(key) for key in ALONE])
def test_a_part_run_alone_has_the_same_contacts(world: World, name: str, words: str) -> None:
    has = {row[0] for row in run(world, ALONE[name, words])}
    for contact in ("ana", "bob"):
        [one] = [part for part in flat(ask(world, name, contact).answer) if part.words == words]
        assert one.holds == (contact in has), contact


def part(answer: Answer, words: str) -> Answer:
    return next(one for one in flat(answer) if one.words == words)


def test_parts_show_the_rows_that_they_looked_at(world: World) -> None:
    answer = ask(world, "ctes", "bob").answer
    assert part(answer, "WITH bought").rows == [{"contact_id": "bob", "n": 1}]
    assert part(answer, "FROM bought AS b").rows == []  # they stand at its WITH
    assert part(answer, "WHERE b.n > mean.m").found == {"b.n": 1, "mean.m": 1.5}
    mean = part(answer, "WITH mean")
    assert (mean.found, mean.unsaid) == ({"m": 1.5}, "one row for all contacts")
    seen = part(ask(world, "rows", "ana").answer, "name = 'purchase'")
    assert seen.found == {"name": "purchase", "rows": "2 of 2"}
    recent = part(ask(world, "rows", "ana").answer, "\"at\" > {{ as_of() }} - INTERVAL '2' DAY")
    assert recent.found == {"at": datetime(2026, 1, 9, tzinfo=UTC), "rows": "1 of 2"}
    # What a query does not read of contacts is not filled in, and not shown.
    assert part(ask(world, "joins", "ana").answer, "FROM contacts AS c").rows == [{"contact_id": "ana"}]
    assert part(ask(world, "union", "ana").answer, "FROM segment__londoners").segment == "londoners"
    many = part(ask(world, "many", "ana").answer, "WHERE age > 3")
    assert many.unsaid == "rows of many contacts become one before contact_id is made of them"


def test_values_and_rows_are_few_and_short(world: World) -> None:
    long = ", ".join(f"'{'x' * 500}' as c{number}" for number in range(20))
    world.segment(
        "wide",
        f"with w as (select contact_id, {long} from {{{{ ref('stg_contacts') }}}} cross join range(50)) select contact_id from w".replace(
            "cross join range(50)", "cross join (values (1), (2), (3), (4), (5)) v(n)"
        ),
    )
    told = part(ask(world, "wide", "ana").answer, "WITH w")
    assert told.found == {"rows": 5}
    assert [len(row) for row in told.rows] == [8, 8, 8]
    assert {len(str(row["c0"])) for row in told.rows} == {60}


def test_a_yaml_segment_shows_the_parts_of_a_query_that_it_refers_to(world: World) -> None:
    told = ask(world, "about", "bob")
    assert [(one.words, one.holds) for one in flat(told.answer)][:6] == [
        ("all of", False),
        ("in segment ctes", False),
        ("found by the query of segment_specs/ctes.sql", False),
        ("WITH bought", True),
        ("FROM stg_events", True),
        ("WHERE name = 'purchase'", True),
    ]
    assert [one.words for one in told.kept_out_by] == ["in segment ctes", "age is over 1"]


def test_as_of_reaches_the_parts(world: World) -> None:
    early = world.project.explain("rows", "ana", AT - 2 * DAY)
    assert part(early.answer, "\"at\" > {{ as_of() }} - INTERVAL '2' DAY").found["rows"] == "2 of 2"
    late = world.project.explain("rows", "ana", AT + 5 * DAY)
    assert not late.member


def test_a_condition_that_others_guard_is_not_guessed(world: World) -> None:
    world.segment(
        "guard",
        "select contact_id from {{ ref('stg_contacts') }} where case when city = 'x' then cast(city as integer) > 1 else true end and age > 3",
    )
    assert ask(world, "guard", "ana").member
    world.segment("fails", "select contact_id from {{ ref('stg_contacts') }} where cast(city as integer) > 1")
    with pytest.raises(RunError, match="the query of the segment fails: Conversion Error"):
        ask(world, "fails", "ana")


def test_parts_stop_at_the_time_limit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10_000, 20))
    monkeypatch.setattr(sql_asks, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    told = ask(world, "ctes", "ana")
    assert told.member
    late = part(told.answer, "WHERE b.n > mean.m")
    assert late.unsaid is not None
    assert "not looked at: the parts before it ran longer than 30 seconds" in late.unsaid


def test_json_has_the_parts(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for form in ("json", "table"):
        monkeypatch.setattr(
            sys,
            "argv",
            [
                "segflow",
                "--project-dir",
                str(world.root),
                "explain",
                "ctes",
                "bob",
                "--as-of",
                "2026-01-10",
                "--format",
                form,
            ],
        )
        with pytest.raises(SystemExit):
            main()
        out = capsys.readouterr().out
        if form == "json":
            told = json.loads(out)
            assert told["answer"]["parts"][0]["rows"] == [{"contact_id": "bob", "n": 1}]
            assert told["answer"]["parts"][1]["holds"] is None
        else:
            assert "row: contact_id bob, n 1" in out, out
            assert "one row for all contacts" in out
