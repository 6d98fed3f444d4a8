-- Of the values that a column has, how many are among those of a key. Both tables have (place, value), each value once.
with sizes as (
    select place, count(*) as different from temp.reference_values group by place
)

select
    sizes.place as here,
    keys.place as there,
    any_value(sizes.different) as different,
    count(*) as found
from temp.reference_values as held
inner join temp.key_values as keys on keys.value = held.value
inner join sizes on sizes.place = held.place
group by sizes.place, keys.place
