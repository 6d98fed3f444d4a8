-- The commonest values of each column that has few of them, the commonest first.
with counted as (
    select name, value, count(*) as times
    from temp.cells
    where value is not null
    group by name, value
),

few as (
    select name from counted group by name having count(*) between 2 and 60
)

select counted.name, counted.value, counted.times
from counted
inner join few on few.name = counted.name
qualify row_number() over (partition by counted.name order by counted.times desc, counted.value) <= 5
order by counted.name, counted.times desc, counted.value
