-- The shape of a hop, without rows.
select positions.*, cast(null as varchar) as action, cast(null as varchar) as detail, cast(null as varchar) as channel,
    cast(null as varchar) as sender, cast(null as varchar) as content, cast(null as varchar) as next_step,
    cast(null as varchar) as end_reason, 0 as hop
from temp.positions as positions
where false
