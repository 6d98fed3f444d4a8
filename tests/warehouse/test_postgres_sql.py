"""Every function and operator that a query in Postgres' SQL may use is there on a server, and means the same before and
after sqlglot has read and written it; what is not allowed is refused with the word that Postgres has for it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from sqlglot import exp

from segflow.segments.rule_tests import run_tests
from segflow.specs.load import load_specs
from segflow.specs.sql_allowlist import check_sql, parse_sql
from segflow.specs.sql_expression import check_expression
from tests.postgres import server
from tests.postgres_project import make

DATA = """\
create table t as select * from (values
    (1, 'Abc', 2.5::float8, date '2024-02-29', timestamp '2024-02-29 13:14:15', array[1, 2, 3], true,
     '{"a": [1, 2], "b": {"c": "x"}}',
     timestamptz '2024-01-01 00:00:00+00', null::text, 10.5::numeric, array['p', 'q']),
    (2, 'xyz abc', -3.5, date '2023-12-31', timestamp '2023-12-31 23:59:59', array[4, null], false, '{"a": []}',
     timestamptz '2023-06-01 12:00:00+00', 'q', -3, array['r'])
) v (contact_id, s, f, d, ts, l, b, j, tz, n, m, tags)
"""
ROWS = """\
abs(f)
ceil(f)
ceiling(f)
floor(f)
round(m)
round(m, 1)
trunc(m)
sign(f)
sqrt(abs(f))
cbrt(f)
ln(abs(f))
log(abs(f))
log(2, abs(m))
exp(f)
power(2, f)
f ^ 2
mod(7, 2)
div(7, 2)
7 / 2
7 % 2
greatest(f, 1)
least(f, 1)
width_bucket(f, -5, 5, 10)
coalesce(n, s)
nullif(s, 'Abc')
lower(s)
upper(s)
initcap(s)
trim(s)
trim(both 'A' from s)
btrim(s, 'A')
ltrim(s)
rtrim(s, 'c')
length(s)
char_length(s)
octet_length(s)
substr(s, 2, 2)
substring(s from 2 for 2)
substring(s, 2)
substring(s from '^A')
left(s, 2)
right(s, 2)
replace(s, 'b', 'x')
overlay(s placing 'x' from 2)
concat(s, n, 1)
concat_ws('-', s, n, 'x')
s || 'x'
s || n
starts_with(s, 'A')
position('b' in s)
strpos(s, 'b')
reverse(s)
repeat(s, 2)
lpad(s, 10, '*')
rpad(s, 10, '*')
split_part(s, ' ', 1)
string_to_array(s, ' ')
regexp_like(s, '^A')
regexp_replace(s, 'b', 'x')
regexp_replace(s, '[a-z]', 'x', 'g')
regexp_count(s, 'b')
regexp_substr(s, 'b')
regexp_match(s, '(b)(c)')
(regexp_match(s, '(b)(c)'))[1]
s ~ '^A'
s ~* '^a'
s !~ 'Abc'
s !~* 'abc'
s similar to 'A%'
s like 'A%'
s not like 'A%'
s ilike 'a%'
s like 'A!%' escape '!'
translate(s, 'abc', 'xyz')
md5(s)
ascii(s)
chr(65)
to_char(d, 'YYYY-MM')
to_char(m, '999.9')
to_date('2024-01-02', 'YYYY-MM-DD')
to_number('12', '99')
to_timestamp(1700000000)
to_timestamp('2024-01-02', 'YYYY-MM-DD')
date_trunc('month', ts)
date_trunc('month', d)
date_trunc('week', tz)
date_trunc('day', tz, 'Europe/Berlin')
date_part('year', d)
date_bin('7 days', ts, timestamp '2024-01-01')
extract(year from d)
extract(dow from d)
extract(isodow from d)
extract(epoch from (ts))
d + 1
d - 1
d - date '2024-01-01'
ts - timestamp '2024-01-01'
d + interval '1 month'
ts - interval '3 days 2 hours'
ts - contact_id * interval '1 day'
ts - make_interval(days => contact_id)
make_interval(days => 3)
make_date(2024, 1, contact_id)
make_timestamp(2024, 1, 1, 1, 1, 1.5)
age(ts, timestamp '2020-01-01')
justify_days(interval '35 days')
isfinite(ts)
ts::date
ts::text
cast(f as integer)
f::numeric(10,1)
'2024-01-01'::timestamp
timestamp '2024-01-01 00:00:00'
timestamptz '2024-01-01 00:00:00+00'
tz at time zone 'Europe/Berlin'
ts at time zone 'UTC'
timezone('UTC', ts)
pg_input_is_valid(s, 'integer')
case when b then 1 else 2 end
case s when 'Abc' then 1 end
b and n is null
not b
b is true
b is not true
b is unknown
n is not null
n isnull
contact_id between 1 and 2
contact_id between symmetric 2 and 1
contact_id in (1, 3)
contact_id not in (1)
s is distinct from n
n is not distinct from null
contact_id & 1
contact_id | 4
contact_id # 3
~contact_id
contact_id << 2
array[1, 2, 3]
l[1]
l[1:2]
2 = any(l)
2 <> all(l)
l @> array[2]
l && array[2]
tags && array['p']
array_length(l, 1)
cardinality(l)
array_position(l, 2)
array_to_string(l, ',')
array_append(l, 7)
array_cat(l, l)
array_remove(l, 2)
j::jsonb ->> 'a'
j::jsonb -> 'a' ->> 0
j::jsonb #>> '{b,c}'
j::jsonb #> '{b,c}'
j::jsonb ? 'a'
j::jsonb @> '{"a": []}'
jsonb_extract_path_text(j::jsonb, 'b', 'c')
json_extract_path_text(j::json, 'b', 'c')
jsonb_array_length(j::jsonb -> 'a')
json_array_length(j::json -> 'a')
jsonb_typeof(j::jsonb -> 'a')
jsonb_exists(j::jsonb, 'a')
jsonb_path_exists(j::jsonb, '$.a')
exists(select 1 from t where contact_id = 2)
contact_id = any(select 2)
contact_id >= all(select 2)
(select max(contact_id) from t)
row_number() over (order by contact_id)
rank() over (partition by b order by f desc nulls last)
dense_rank() over (order by s)
percent_rank() over (order by s)
cume_dist() over (order by s)
ntile(2) over (order by s)
lag(s) over (order by contact_id)
lag(s, 1, 'z') over (order by contact_id)
lead(s) over (order by contact_id)
first_value(s) over (order by contact_id)
last_value(s) over (order by contact_id rows between unbounded preceding and unbounded following)
nth_value(s, 2) over (order by contact_id)
sum(f) over (order by contact_id rows between 1 preceding and current row)
sum(f) over (order by ts range between interval '7 day' preceding and current row)
unnest(l)
j::jsonb ?| array['a', 'z']
j::jsonb ?& array['a', 'b']
s collate "C" < 'b'
scale(m)
gcd(12, 18)
lcm(4, 6)
num_nulls(n, s)
num_nonnulls(n, s)
regexp_split_to_array(s, ' ')
array_lower(l, 1)
array_upper(l, 1)
array_ndims(l)
array_replace(l, 2, 9)
trim_array(l, 1)
json_typeof(j::json)
jsonb_extract_path(j::jsonb, 'a')
jsonb_strip_nulls(j::jsonb)
(d, d) overlaps (d, d + 1)
bit_length(s)
degrees(f)
radians(f)
factorial(5)
justify_hours(interval '27 hours')
justify_interval(interval '35 days 27 hours')
j::jsonb - 'a'
s ^@ 'A'
to_char(ts, 'HH24:MI')
timezone('Europe/Berlin', tz)
extract(doy from d)
extract(week from d)
(date_trunc('month', d) + interval '1 month - 1 day')::date
case when pg_input_is_valid(s, 'integer') then s::integer end
substring(s from '(b)')
""".splitlines()
AGGREGATES = """\
count(*)
count(distinct s)
count(n)
sum(f)
avg(f)
min(f)
max(s)
percentile_cont(0.3) within group (order by f)
percentile_disc(0.3) within group (order by f)
mode() within group (order by s)
stddev(f)
stddev_samp(f)
stddev_pop(f)
variance(f)
var_samp(f)
var_pop(f)
any_value(n)
string_agg(s, ',' order by s)
array_agg(s order by s)
(array_agg(s order by contact_id desc))[1]
bool_and(b)
bool_or(b)
every(b)
bit_and(contact_id)
bit_or(contact_id)
corr(contact_id, f)
regr_slope(contact_id, f)
sum(f) filter (where b)
bit_xor(contact_id)
covar_pop(contact_id, f)
covar_samp(contact_id, f)
regr_intercept(contact_id, f)
regr_r2(contact_id, f)
percentile_cont(0.5) within group (order by f)
count(*) filter (where b)
""".splitlines()


@pytest.fixture(scope="module")
def connection() -> Iterator[psycopg.Connection]:
    with (
        server() as made,
        psycopg.connect(made.new_database(), autocommit=True, options="-c TimeZone=UTC") as connection,
    ):
        connection.execute(DATA)
        yield connection


def same_both_ways(connection: psycopg.Connection, contact_id: str, expression: str) -> None:
    written = f"select {contact_id} as contact_id, {expression} as v from t"
    template = written.replace(" from t", " from {{ ref('t') }}")
    assert check_sql(template, "x.sql", 1, None, "postgres") == []
    query = parse_sql(template, "postgres").query
    for table in query.find_all(exp.Table):
        table.set("this", exp.to_identifier(table.name.removeprefix("__ref__")))

    def rows(sql: str) -> list[str]:
        found = connection.execute(sql.encode()).fetchall()
        # date_part becomes extract: a double is a numeric then, of the same value.
        return sorted(repr([float(one) if isinstance(one, Decimal) else one for one in row]) for row in found)

    assert rows(query.sql("postgres")) == rows(written)


@pytest.mark.parametrize("expression", ROWS)
def test_expressions(connection: psycopg.Connection, expression: str) -> None:
    same_both_ways(connection, "contact_id", expression)


@pytest.mark.parametrize("expression", AGGREGATES)
def test_aggregates(connection: psycopg.Connection, expression: str) -> None:
    same_both_ways(connection, "1", expression)


REFUSED = {
    "a function of DuckDB's": ("year(d) = 2024", "year is not for a segment on Postgres: write extract(year from ...)"),
    "an operator of DuckDB's": (
        "try_cast(s as integer) = 1",
        "try_cast is not for a segment on Postgres: write case when pg_input_is_valid(..., 'integer') then "
        "...::integer end",
    ),
    "an aggregate of DuckDB's": (
        "d > (select median(d) from {{ ref('t') }})",
        "median is not for a segment on Postgres: write percentile_cont(0.5) within group (order by ...)",
    ),
    "a function that reads settings": (
        "current_setting('x') = 'y'",
        "the function current_setting is not allowed in a segment",
    ),
    "a misspelt one": (
        "jsonb_arraylength(j) > 0",
        "the function jsonb_arraylength is not allowed in a segment (did you mean jsonb_array_length?)",
    ),
    "the clock": ("d > now()", "current_timestamp() is the clock of the machine: use {{ as_of() }}, the tick's time"),
    "the clock of a statement": (
        "ts > clock_timestamp()",
        "clock_timestamp() is the clock of the machine: use {{ as_of() }}, the tick's time",
    ),
    "the clock in a text": (
        "d > date 'yesterday'",
        "'yesterday' is the clock of the machine: use {{ as_of() }}, the tick's time",
    ),
    "the clock in a text that is cast": (
        "ts > 'Today'::timestamp",
        "'today' is the clock of the machine: use {{ as_of() }}, the tick's time",
    ),
    "who asks": ("s = current_user", "current_user() is not allowed in a segment"),
    "a name of the catalog's": ("'t'::regclass is not null", "OBJECTIDENTIFIER is not allowed in a segment"),
    "a text with escapes": (r"s = E'a\n'", "a text with E'...' is not allowed in a segment"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str) -> None:
    condition, message = REFUSED[case]
    issues = check_sql(f"select contact_id\nfrom {{{{ ref('t') }}}}\nwhere {condition}", "x.sql", 1, None, "postgres")
    assert [issue.line for issue in issues] == [3]
    assert message in issues[0].message


EXPRESSIONS = {
    "a pattern": ("city ~* '^lon' or email like '%@example.com'", []),
    "a list": ("tags && array['vip', 'press'] and cardinality(tags) > 1", []),
    "a cast that may fail": ("case when pg_input_is_valid(city, 'integer') then city::integer > 3 end", []),
    "no boolean": ("length(city)", ["a sql condition is true or false; this is of type INT"]),
    "another engine's": (
        "list_contains(tags, 'vip')",
        ["list_contains is not for a segment on Postgres: write ... = any(list)"],
    ),
}


@pytest.mark.parametrize("case", EXPRESSIONS)
def test_sql_conditions(case: str) -> None:
    expression, told = EXPRESSIONS[case]
    columns = {"city": "text", "email": "text", "tags": "list_of_text"}
    assert [issue.message for issue in check_expression(expression, columns, "postgres")] == told  # type: ignore[arg-type]


NEW = """\
/*
tests:
  - name: joined this year, and bought
    as_of: 2026-01-10
    models:
      stg_orders:
        - {order_id: o1, contact_id: a, amount: 12.5}
        - {order_id: o2, contact_id: c, amount: 3}
    contacts:
      - {contact_id: a, city: Berlin}
      - {contact_id: b, city: Berlin}
      - {contact_id: c, city: Berlin}
    members: [a]
*/
select distinct on (orders.contact_id) orders.contact_id
from {{ ref('stg_orders') }} as orders
join {{ ref('contacts') }} as contacts on contacts.contact_id = orders.contact_id
where contacts.city ~ '^Ber' and extract(year from {{ as_of() }}) = 2026 and orders.amount::numeric(12, 2) > 5
order by orders.contact_id
"""
CITIES = """\
where: {sql: "city ~* '^b' and left(city, 2) = any(string_to_array('Be,Bo', ','))"}
tests:
  - name: two cities
    as_of: 2026-01-10
    contacts:
      - {contact_id: a, city: berlin}
      - {contact_id: b, city: Bonn}
      - {contact_id: c, city: Berlin}
      - {contact_id: d}
    members: [b, c]
"""


def test_tests_of_segments_need_no_server(tmp_path: Path) -> None:
    root = make(tmp_path, "postgresql://nobody@127.0.0.1:1/nothing", **{
        "segment_specs/new.sql": NEW, "segment_specs/cities.yml": CITIES,
    })  # fmt: skip
    found = {one.segment: one for one in run_tests(load_specs(root), ["new", "cities"])}
    assert {name: (one.missing, one.extra, one.error) for name, one in found.items()} == {
        "new": ((), (), None), "cities": ((), (), None),
    }  # fmt: skip
