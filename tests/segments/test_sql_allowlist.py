# ruff: noqa: E501 (tables: one case per line)
"""`.sql` segments: what is let through, and the queries that try to do something else than read models."""

from __future__ import annotations

import pytest
from sqlglot import exp

from segflow.errors import SpecError
from segflow.specs.sql_allowlist import AS_OF, check_sql, parse_sql

MODELS = {"a", "b", "stg_orders", "segment__tea"}

FINE = {
    "plain": "select contact_id from {{ ref('a') }}",
    "trailing semicolon": "select contact_id from {{ref('a')}};",
    "trailing comment": "select contact_id from {{ref('a')}} -- done",
    "as_of": "select contact_id from {{ ref('a') }} where at > {{ as_of() }} - interval 30 day",
    "ctes": "with x as (select contact_id, count(*) as c from {{ ref('a') }} group by 1), y as (select * from x) select contact_id from y where c > 2",
    "joins and subqueries": "select a.contact_id from {{ ref('a') }} a left join {{ ref(\"b\") }} b using (contact_id) where exists (select 1 from {{ ref('b') }} c where c.x = a.x) and a.y in (select y from {{ ref('b') }})",
    "windows": "select contact_id from {{ ref('a') }} qualify row_number() over (partition by contact_id order by at desc) = 1",
    "set operations": "select contact_id from {{ ref('a') }} union all select contact_id from {{ ref('b') }} except select contact_id from {{ ref('segment__tea') }}",
    "unnest": "select contact_id from {{ ref('a') }} t, unnest(t.items) u(item) where item = 'tea'",
    "values": "select contact_id from {{ ref('a') }} join (values ('x', 1)) v(name, weight) on v.name = city",
    "struct in a struct": "select contact_id, {'a': {'b': {'c': 1}}} from {{ ref('a') }}",
    "star": "select * from {{ ref('a') }}",
    "quoted names": 'select "contact_id" from {{ ref(\'a\') }} as "the table"',
    "alias": "select customer as Contact_ID from {{ ref('a') }}",
    "jinja in several lines": "select contact_id from {{\n  ref('a')\n}}",
}  # fmt: skip


@pytest.mark.parametrize("sql", FINE.values(), ids=FINE)
def test_queries_that_are_fine(sql: str) -> None:
    assert check_sql(sql, "x.sql", 1, MODELS) == []


def test_parsed_queries() -> None:
    parsed = parse_sql(
        "select contact_id from {{ ref('b') }} join {{ ref('a') }} using (x), {{ ref('b') }} c where at < {{ as_of() }}"
    )
    assert sorted(parsed.refs) == ["a", "b"]
    assert parsed.uses_as_of
    assert {table.name for table in parsed.query.find_all(exp.Table)} == {"__ref__a", "__ref__b"}
    assert [call.name for call in parsed.query.find_all(exp.Anonymous)] == [AS_OF]
    assert not parse_sql("select contact_id from {{ ref('a') }}").uses_as_of


READS = "is not allowed in a segment"
HOSTILE = {
    "bare table": ("select contact_id from stg_orders", 24, "stg_orders is not a table of this query: write {{ ref('stg_orders') }}"),
    "schema": ("select contact_id from main.a", 24, "write {{ ref('a') }}, without a schema"),
    "file": ("select contact_id from 'people.csv'", 24, "'people.csv' would be read as a file"),
    "quoted file": ('select contact_id from "people.parquet"', 24, "'people.parquet' would be read as a file"),
    "read_csv": ("select contact_id from read_csv('/etc/passwd')", 24, "read_csv() is not a table"),
    "read_text": ("select contact_id from read_text('/etc/passwd')", 24, "read_text() is not a table"),
    "glob": ("select contact_id from glob('*')", 24, "glob() is not a table"),
    "query()": ("select contact_id from query('select 1')", 24, "query() is not a table"),
    "query_table()": ("select contact_id from query_table('a')", 24, "query_table() is not a table"),
    "duckdb_secrets": ("select contact_id from duckdb_secrets()", 24, "duckdb_secrets() is not a table"),
    "information schema": ("select contact_id from information_schema.tables", 24, "without a schema"),
    "getenv": ("select getenv('HOME') as contact_id", 8, "the function getenv is not allowed"),
    "getenv as a method": ("select 'HOME'.getenv() as contact_id", 15, "the function getenv is not allowed"),
    "getenv deep inside": ("select contact_id from {{ ref('a') }} where x in (select upper(getenv('HOME')))", 64, "the function getenv is not allowed"),
    "current_setting": ("select current_setting('x') as contact_id", 8, "the function current_setting is not allowed"),
    "nextval": ("select nextval('s') as contact_id", 8, "the function nextval is not allowed"),
    "setseed": ("select contact_id, setseed(1) from {{ ref('a') }}", 20, "the function setseed is not allowed"),
    "pragma function": ("select contact_id from pragma_table_info('a')", 24, "pragma_table_info() is not a table"),
    "random": ("select contact_id from {{ ref('a') }} where random() < 0.5", 45, f"random() {READS}"),
    "uuid": ("select uuid() as contact_id", 8, READS),
    "now": ("select contact_id from {{ ref('a') }} where at > now()", 50, "use {{ as_of() }}"),
    "today": ("select contact_id from {{ ref('a') }} where at > today()", 50, "use {{ as_of() }}"),
    "current_date": ("select contact_id from {{ ref('a') }} where current_date > at", 60, "use {{ as_of() }}"),
    "current_timestamp": ("select contact_id from {{ ref('a') }} where at > current_timestamp", 45, "use {{ as_of() }}"),
    "localtime": ("select contact_id, localtime from {{ ref('a') }}", 8, "use {{ as_of() }}"),
    "age of one": ("select contact_id, age(at) from {{ ref('a') }}", 20, "age() with one argument"),
    "user": ("select contact_id, user from {{ ref('a') }}", 20, "depends on who runs the query"),
    "delete in a CTE": ("with x as (delete from {{ ref('a') }} returning *) select contact_id from x", 24, f"DELETE {READS}"),
    "insert in a CTE": ("with x as (insert into {{ ref('a') }} values (1) returning *) select contact_id from x", 24, f"INSERT {READS}"),
    "two statements": ("select contact_id from {{ ref('a') }}; drop table a", 1, "exactly one SELECT, found 2"),
    "semicolon before a comment": ("select contact_id from {{ ref('a') }}; -- done", 38, "leave out the ';'"),
    "nothing": ("-- only a comment", 1, "exactly one SELECT, found 0"),
    "drop": ("drop table a", 1, "not DROP"),
    "attach": ("attach 'x.db'", 1, "not ATTACH"),
    "copy": ("copy (select 1) to 'x.csv'", 1, "not COPY"),
    "pragma": ("pragma database_list", 1, "not PRAGMA"),
    "set": ("set memory_limit = '1GB'", 1, "not SET"),
    "install": ("install httpfs", 1, "not INSTALL"),
    "load": ("load httpfs", 1, "not this statement"),
    "call": ("call pragma_version()", 1, "not this statement"),
    "explain": ("explain select 1", 1, "not this statement"),
    "values alone": ("values (1)", 1, "not VALUES"),
    "into": ("select contact_id into x from {{ ref('a') }}", 24, READS),
    "for update": ("select contact_id from {{ ref('a') }} for update", 8, f"FOR UPDATE {READS}"),
    "sample": ("select contact_id from {{ ref('a') }} tablesample 10%", 51, f"TABLESAMPLE {READS}"),
    "pivot": ("select contact_id from {{ ref('a') }} pivot (sum(x) for y in (1, 2))", 46, f"PIVOT {READS}"),
    "parameter": ("select contact_id from {{ ref('a') }} where x = ?", 45, "a parameter (?)"),
    "columns()": ("select columns('contact.*') from {{ ref('a') }}", 8, READS),
    "other type": ("select contact_id, x::my_enum from {{ ref('a') }}", 20, "my_enum is not a type of the warehouse"),
    "CTE with a table's name": ("with a as (select * from a) select contact_id from a", 26, "a is not a table of this query"),
    "CTE of a subquery": ("select contact_id from x where 1 in (with x as (select 1 as n) select n from x)", 24, "x is not a table of this query"),
    "later CTE": ("with x as (select * from y), y as (select 1 as contact_id) select contact_id from x", 26, "y is not a table of this query"),
    "recursion": ("with recursive r as (select 1 as contact_id union all select contact_id from r) select contact_id from r", 16, "WITH RECURSIVE"),
    "lateral": ("select contact_id from {{ ref('a') }} t, lateral (select * from secrets) s", 65, "secrets is not a table of this query"),
    "series": ("select contact_id from {{ ref('a') }}, generate_series(1, 1000000000000)", 40, "generate_series() is not a table"),
    "time travel": ("select contact_id from {{ ref('a') }} at (version => 1)", 54, READS),
    "other jinja": ("select contact_id from {{ ref('a') }} where x = '{{ env_var(\"HOME\") }}'", 50, "only {{ ref('model') }} and {{ as_of() }}"),
    "jinja statement": ("{% set x = 1 %} select contact_id from {{ ref('a') }}", 1, "only {{ ref('model') }} and {{ as_of() }}"),
    "jinja in a comment": ("select contact_id /* {# x #} */ from {{ ref('a') }}", 22, "only {{ ref('model') }} and {{ as_of() }}"),
    "source()": ("select contact_id from {{ source('a', 'b') }}", 24, "only {{ ref('model') }} and {{ as_of() }}"),
    "ref of a project": ("select contact_id from {{ ref('pkg', 'a') }}", 24, "there is no model a of project pkg"),
    "escaped braces": ("select contact_id, e'\\x7b\\x7b x' from {{ ref('a') }}", 20, "E'...'"),
    "braces from two texts": ("select contact_id, '{' || '{' from {{ ref('b') }} where '{' '{' = x and y = '{ {'", 0, ""),
    "placeholder": ("select contact_id from __REF__a", 24, "segflow's own"),
    "as_of placeholder": ("select contact_id from {{ ref('a') }} where at < __as_of__()", 50, "segflow's own"),
    "ref in a text": ("select contact_id from {{ ref('a') }} where x = '{{ ref(\"b\") }}'", 49, "do not work inside a text"),
    "ref as a column": ("select {{ ref('a') }}.contact_id from {{ ref('a') }}", 8, "names a table"),
    "unknown model": ("select contact_id from {{ ref('stg_order') }}", 24, "there is no model stg_order (did you mean stg_orders?)"),
    "not a model name": ("select contact_id from {{ ref('a b') }}", 24, "not a model name"),
    "no contact_id": ("select customer_id from {{ ref('a') }}", 8, "must return a column named contact_id, found customer_id"),
    "no SQL": ("select contact_id frm x", 23, "not valid SQL near 'x'"),
    "open text": ("select 'x", 1, "not valid SQL"),
    "deep parentheses": ("select " + "(" * 5000 + "1" + ")" * 5000, 1, "nested too deep"),
    "deep brackets": ("select contact_id" + "[1]" * 5000 + " from {{ ref('a') }}", 1, "square brackets"),
    "very long": ("select contact_id from {{ ref('a') }} where x in (" + "1, " * 50_000 + "1)", 1, "longer than"),
}  # fmt: skip


@pytest.mark.parametrize(("sql", "column", "message"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_queries_are_refused_with_their_place(sql: str, column: int, message: str) -> None:
    issues = check_sql(sql, "x.sql", 1, MODELS)
    if not message:  # harmless after all: nothing in the generated text can start a template
        assert issues == []
        assert "{{" not in parse_sql(sql).query.sql("duckdb")
        return
    assert any(message in issue.message for issue in issues), issues
    assert next(issue.column for issue in issues if message in issue.message) == column
    with pytest.raises(SpecError):
        parse_sql(sql) if "no model" not in message else parse_sql("drop table a")


def test_all_problems_of_a_query_are_reported_with_their_lines() -> None:
    sql = "select contact_id, random()\nfrom {{ ref('a') }}\njoin {{\n  ref('bb') }} using (x)\nwhere at > now()"
    assert [str(issue) for issue in check_sql(sql, "x.sql", 11, MODELS)] == [
        "x.sql:11:20: random() is not allowed in a segment: a segment only reads",
        "x.sql:13:6: there is no model bb (did you mean b?)",
        "x.sql:15:12: now() is the clock of the machine: use {{ as_of() }}, the tick's time",
    ]
