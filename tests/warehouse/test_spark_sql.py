"""Every allowed function means the same on Spark (on Sail) before and after sqlglot has read and written it."""

from __future__ import annotations

import pytest
import sqlglot
from sqlglot import exp

from segflow.specs.sql_allowlist import check_sql
from segflow.warehouse.spark.allowed import ALLOWED
from segflow.warehouse.spark.engine import SparkEngine
from segflow.warehouse.spark.warehouse import SparkWarehouse
from tests.sail import Sail

ROWS = """\
abs(f)
ceil(f)
floor(f)
round(f)
round(f, 1)
sign(f)
sqrt(abs(f))
ln(abs(f))
exp(f)
pow(f, 2)
greatest(f, 1)
least(f, 1)
isnan(f)
coalesce(n, s)
ifnull(n, s)
nullif(s, 'Abc')
if(b, 1, 2)
case when b then 1 else 2 end
lower(s)
upper(s)
trim(s)
ltrim(s)
rtrim(s)
length(s)
substring(s, 2)
substr(s, 2, 2)
left(s, 2)
right(s, 2)
replace(s, 'b', 'x')
concat(s, '1')
s || '1'
concat_ws('-', s, n, 'x')
startswith(s, 'A')
endswith(s, 'c')
contains(s, 'bc')
instr(s, 'b')
locate('b', s)
position('b' in s)
reverse(s)
repeat(s, 2)
lpad(s, 5, '-')
rpad(s, 5, '-')
split_part(s, ' ', 1)
split(s, ' ')
s rlike '^A'
regexp_like(s, '^A')
regexp_extract(s, '(b)c', 1)
regexp_replace(s, 'b+', 'x')
translate(s, 'ab', 'xy')
md5(s)
levenshtein(s, 'abc')
s like 'A%'
s ilike 'a%'
s in ('Abc', 'x')
f between 1 and 3
date_trunc('month', ts)
trunc(d, 'MM')
datediff(d, date '2024-01-01')
date_add(d, 3)
date_sub(d, 3)
add_months(d, 1)
months_between(ts, timestamp_ntz '2024-01-01 00:00:00')
year(ts)
quarter(ts)
month(ts)
day(ts)
hour(ts)
minute(ts)
second(ts)
weekofyear(ts)
dayofweek(ts)
dayofyear(ts)
weekday(d)
extract(year from ts)
extract(dow from d)
last_day(d)
make_date(2024, 1, 2)
date_format(ts, 'yyyy-MM')
to_date('2024-01-02')
ts - interval '365 days'
ts - interval '1' month
ts + interval 1 day
cast(s as string)
cast('1.5' as decimal(10, 2))
try_cast(s as int)
array_contains(l, 2)
size(l)
cardinality(l)
array_join(l, ',')
array_max(l)
array_min(l)
l[0]
element_at(l, 1)
get_json_object(j, '$.a')
f <=> 1
not b
f % 2
contact_id div 2
f / 2
-f
case s when 'Abc' then 1 end
row_number() over (order by contact_id)
rank() over (order by f)
dense_rank() over (order by f)
percent_rank() over (order by f)
cume_dist() over (order by f)
ntile(2) over (order by contact_id)
lag(s) over (order by contact_id)
lag(s, 1, 'x') over (order by contact_id)
lead(s) over (order by contact_id)
first_value(s) over (order by contact_id)
last_value(s) over (order by contact_id)
nth_value(s, 2) over (order by contact_id)
sum(f) over (partition by b order by contact_id rows between unbounded preceding and current row)
timestampdiff(DAY, timestamp_ntz '2024-01-01 00:00:00', ts)
timestampadd(DAY, 1, ts)
""".splitlines()
AGGREGATES = """\
count(*)
count(distinct s)
count(*) filter (where b)
sum(f)
avg(f)
min(s)
max(d)
median(f)
percentile_cont(0.5) within group (order by f)
stddev(f)
stddev_samp(f)
stddev_pop(f)
variance(f)
var_pop(f)
max_by(s, f)
min_by(s, f)
bool_and(b)
bool_or(b)
every(b)
any(b)
count_if(b)
corr(f, contact_id)
any_value(s)
""".splitlines()
DATA = """\
SELECT * FROM VALUES
    (1, 'Abc', 2.5D, DATE '2024-02-29', TIMESTAMP_NTZ '2024-02-29 13:14:15', array(1, 2, 3), true, '{"a": [1, 2]}',
     CAST(NULL AS STRING)),
    (2, 'xyz abc', -3.5D, DATE '2023-12-31', TIMESTAMP_NTZ '2023-12-31 23:59:59', array(4, NULL), false, '{"a": []}',
     'q')
AS v (contact_id, s, f, d, ts, l, b, j, n)
"""


def answers(warehouse: SparkWarehouse, expressions: list[str]) -> list[str]:
    """What each is, of all in one query: a hundred would take half a minute."""
    listed = ", ".join(f"{text} AS x{number}" for number, text in enumerate(expressions))
    rows = warehouse._asked(f"WITH t AS ({DATA}) SELECT {listed} FROM t")
    return [repr(column.to_pylist()) for column in rows.columns]


def test_what_is_written_is_what_was_read(sail: Sail) -> None:
    with SparkEngine(*sail.new_warehouse()).open() as warehouse:
        for expressions in (ROWS, AGGREGATES):
            printed = [sqlglot.parse_one(text, dialect="spark").sql("spark") for text in expressions]
            before, after = answers(warehouse, expressions), answers(warehouse, printed)
            assert dict(zip(expressions, after, strict=True)) == dict(zip(expressions, before, strict=True))


def test_each_of_them_is_allowed() -> None:
    aggregates = [f"(select {text} from {{{{ ref('t') }}}})" for text in AGGREGATES]
    listed = ",\n".join((*ROWS, *aggregates))
    assert check_sql(f"select contact_id,\n{listed}\nfrom {{{{ ref('t') }}}}", "x.sql", 1, None, "spark") == []


def test_nothing_else_is() -> None:
    trees = [sqlglot.parse_one(text, dialect="spark") for text in (*ROWS, *AGGREGATES)]
    assert {type(node) for tree in trees for node in tree.walk()} >= ALLOWED.functions
    assert {one.name.lower() for tree in trees for one in tree.find_all(exp.Anonymous)} == ALLOWED.names


REFUSED = {
    "a function of DuckDB's": (
        "list_contains(l, 1)",
        "list_contains is not for a segment on Spark: write array_contains(list, ...)",
    ),
    "a function that reads settings": ("version() = 'y'", "the function version is not allowed in a segment"),
    "the clock": ("d > now()", "now() is the clock of the machine: use {{ as_of() }}, the tick's time"),
    "the clock in a number": ("unix_timestamp() > 1", "the clock of the machine"),
    "the clock in a text": ("d > date 'yesterday'", "'yesterday' is the clock of the machine"),
    "who asks": ("s = current_user()", "is not allowed in a segment"),
    "Java": ("java_method('java.lang.System', 'getenv') = 'a'", "java_method is not allowed in a segment"),
    "a file": ("exists (select * from parquet.`/etc/x`)", "without a schema"),
    "a lambda": ("exists(l, x -> x > 1)", "not allowed in a segment"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str) -> None:
    condition, message = REFUSED[case]
    issues = check_sql(f"select contact_id\nfrom {{{{ ref('t') }}}}\nwhere {condition}", "x.sql", 1, None, "spark")
    assert any(message in issue.message for issue in issues), [issue.message for issue in issues]
