-- [[ told ]]
select
    [[ key ]],
[% for column in columns %]
    [[ column.sql ]][[ " as " ~ column.name if column.sql != column.name ]][[ "," if not loop.last or at ]]
[% endfor %]
[% if at %]
    min([[ at ]]) as created_at
[% endif %]
from {{ ref([[ model | sql ]]) }}
where [[ key ]] is not null
group by [[ key ]]
