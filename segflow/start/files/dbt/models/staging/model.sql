-- [[ told ]]
[% for note in notes %]
-- [[ note ]]
[% endfor %]
with

source as (
    select * from {{ [[ from_ ]] }}
)[% if made %],

typed as (
    select
[% for column in columns %]
        [[ column.sql ]][[ " as " ~ column.name if column.sql != column.name ]][[ "," if not loop.last ]]
[% endfor %]
    from source
)[% endif %]


[% if made %]
select
    typed.*,
[% for column in made %]
    [[ column.sql ]][[ " as " ~ column.name if column.sql != column.name ]][[ "," if not loop.last ]]
[% endfor %]
from typed
[% if join %]
left join {{ ref([[ join.model | sql ]]) }} as contacts on contacts.[[ join.theirs ]] = typed.[[ join.ours ]]
[% endif %]
[% else %]
select
[% for column in columns %]
    [[ column.sql ]][[ " as " ~ column.name if column.sql != column.name ]][[ "," if not loop.last ]]
[% endfor %]
from source
[% endif %]
