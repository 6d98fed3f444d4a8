"""Every allowed function and operator means the same in DuckDB before and after sqlglot has read and written it."""

from __future__ import annotations

import duckdb
import pytest
from sqlglot import exp

from segflow.specs.sql_allowlist import check_sql, parse_sql

DATA = """\
create table t as select * from (values
    (1, 'Abc', 2.5, date '2024-02-29', timestamp '2024-02-29 13:14:15', [1, 2, 3], true, {'a': 1}, '{"a": [1, 2]}',
     timestamptz '2024-01-01 00:00:00+00', null),
    (2, 'xyz abc', -3.5, date '2023-12-31', timestamp '2023-12-31 23:59:59', [4, null], false, {'a': 2}, '{"a": []}',
     timestamptz '2023-06-01 12:00:00+00', 'q')
) v (contact_id, s, f, d, ts, l, b, st, j, tz, n)
"""
ROWS = """\
abs(f)
ceil(f)
floor(f)
round(f)
round(f, 1)
sign(f)
sqrt(abs(f))
ln(abs(f))
log(abs(f))
log(2, abs(f))
exp(f)
pow(f, 2)
power(2, f)
f ** 2
f ^ 2
greatest(f, 1)
least(f, 1)
isnan(f)
isinf(f)
coalesce(n, s)
ifnull(n, s)
nullif(s, 'Abc')
if(b, 1, 2)
lower(s)
upper(s)
trim(s)
trim(s, 'A')
ltrim(s)
rtrim(s, 'c')
length(s)
len(s)
len(l)
length(l)
strlen(s)
substr(s, 2, 2)
substring(s, 2)
left(s, 2)
right(s, 2)
replace(s, 'b', 'x')
concat(s, n, 1)
concat_ws('-', s, n, 'x')
s || 'x'
s || n
starts_with(s, 'A')
ends_with(s, 'c')
contains(s, 'b')
contains(l, 2)
position('b' in s)
strpos(s, 'b')
instr(s, 'b')
reverse(s)
repeat(s, 2)
lpad(s, 10, '*')
rpad(s, 10, '*')
split_part(s, ' ', 1)
string_split(s, ' ')
str_split(s, ' ')
regexp_matches(s, '^A')
regexp_matches(s, '^a', 'i')
regexp_full_match(s, 'Abc')
regexp_extract(s, '(b)(c)', 1)
regexp_extract(s, 'b')
regexp_replace(s, 'b', 'x')
regexp_replace(s, '[a-z]', 'x', 'g')
s ~ 'Abc'
s !~ 'Abc'
s similar to 'A.*'
s like 'A%'
s not like 'A%'
s ilike 'a%'
s like 'A!%' escape '!'
s glob 'A*'
translate(s, 'abc', 'xyz')
md5(s)
levenshtein(s, 'abc')
strip_accents(s)
prefix(s, 'A')
suffix(s, 'c')
hash(s)
date_trunc('month', ts)
date_trunc('month', d)
date_trunc('week', tz)
datetrunc('day', ts)
date_diff('day', d, date '2024-03-01')
datediff('month', d, date '2024-03-01')
date_diff('hour', ts, timestamp '2024-03-01 00:00:00')
date_sub('day', d, date '2024-03-01')
datesub('month', ts, timestamp '2024-03-01 00:00:00')
date_add(d, interval 1 month)
d + 1
d - 1
d - date '2024-01-01'
d + interval 1 month
d + interval '1 month'
ts - interval '3 days 2 hours'
ts - interval (contact_id) day
ts + to_days(3)
ts + to_months(3)
ts + to_hours(3)
year(d)
month(d)
day(d)
hour(ts)
minute(ts)
second(ts)
quarter(d)
week(d)
weekofyear(d)
dayofweek(d)
isodow(d)
dayofyear(d)
extract(year from d)
extract(dow from d)
extract('isodow' from d)
date_part('year', d)
date_part('dow', ts)
datepart('month', ts)
last_day(d)
make_date(2024, 1, contact_id)
make_timestamp(2024, 1, 1, 1, 1, 1.5)
strftime(d, '%Y-%m')
strftime(ts, '%A %j')
strftime('%Y', d)
strptime('2024-01-02', '%Y-%m-%d')
try_strptime('x', '%Y')
to_timestamp(1700000000)
epoch_ms(1700000000000)
epoch_ms(ts)
epoch(ts)
time_bucket(interval 7 day, d)
time_bucket(interval '1 month', ts)
age(ts, timestamp '2020-01-01')
yearweek(d)
isoyear(d)
century(d)
decade(d)
ts::date
ts::text
cast(f as integer)
f::decimal(10,1)
try_cast(s as integer)
'2024-01-01'::timestamp
timestamp '2024-01-01 00:00:00'
timestamptz '2024-01-01 00:00:00+00'
tz at time zone 'Europe/Berlin'
ts at time zone 'UTC'
case when b then 1 else 2 end
case s when 'Abc' then 1 end
b and n is null
not b
b is true
b is not true
n is not null
contact_id between 1 and 2
contact_id in (1, 3)
contact_id not in (1)
s is distinct from n
n is not distinct from null
7 // 2
7 / 2
7 % 2
mod(7, 2)
contact_id & 1
contact_id | 4
xor(contact_id, 3)
~contact_id
contact_id << 2
[1, 2, 3]
l[1]
l[1:2]
l[-1]
list_contains(l, 2)
array_contains(l, 2)
list_has(l, 2)
array_length(l)
list_sum(l)
list_max(l)
list_min(l)
list_count(l)
list_position(l, 2)
list_filter(l, lambda x: x > 1)
list_transform(l, lambda x: x + 1)
array_to_string(l, ',')
st.a
st['a']
struct_extract(st, 'a')
{'a': 1, 'b': s}
j->>'$.a[0]'
j->'$.a'
json_extract_string(j, '$.a[0]')
json_extract(j, 'a')
json_array_length(j, '$.a')
json_valid(j)
isfinite(ts)
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
lag(n ignore nulls) over (order by contact_id)
lead(s) over (order by contact_id)
first_value(s) over (order by contact_id)
last_value(s) over (order by contact_id rows between unbounded preceding and unbounded following)
nth_value(s, 2) over (order by contact_id)
sum(f) over (order by contact_id rows between 1 preceding and current row)
sum(f) over (order by ts range between interval 7 day preceding and current row)
""".splitlines()
AGGREGATES = """\
count(*)
count(distinct s)
count(n)
sum(f)
avg(f)
mean(f)
min(f)
max(s)
median(f)
quantile(f, 0.5)
quantile_cont(f, 0.3)
quantile_disc(f, 0.3)
percentile_cont(0.3) within group (order by f)
stddev(f)
stddev_samp(f)
stddev_pop(f)
variance(f)
var_samp(f)
var_pop(f)
first(s order by contact_id)
last(s order by contact_id)
first(n order by contact_id)
any_value(n)
arg_max(s, f)
arg_min(s, f)
max_by(s, f)
min_by(s, f)
string_agg(s, ',' order by s)
group_concat(s, ',')
bool_and(b)
bool_or(b)
count_if(b)
corr(contact_id, f)
product(f)
sum(f) filter (where b)
""".splitlines()


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:")
    connection.execute(DATA)
    return connection


def same_both_ways(connection: duckdb.DuckDBPyConnection, contact_id: str, expression: str) -> None:
    written = f"select {contact_id} as contact_id, {expression} as v from t"
    template = written.replace(" from t", " from {{ ref('t') }}")
    assert check_sql(template, "x.sql", 1, None) == []
    query = parse_sql(template).query
    for table in query.find_all(exp.Table):
        table.set("this", exp.to_identifier(table.name.removeprefix("__ref__")))
    before = connection.execute(written).fetchall()
    after = connection.execute(query.sql("duckdb")).fetchall()
    assert sorted(map(repr, after)) == sorted(map(repr, before))


@pytest.mark.parametrize("expression", ROWS)
def test_expressions(connection: duckdb.DuckDBPyConnection, expression: str) -> None:
    same_both_ways(connection, "contact_id", expression)


@pytest.mark.parametrize("expression", AGGREGATES)
def test_aggregates(connection: duckdb.DuckDBPyConnection, expression: str) -> None:
    same_both_ways(connection, "1", expression)
