-- The size of each segment in one tick, beside its sizes in the ticks before that compared it, at most :most of them.
with before_it as (
    select
        segment_key, members,
        row_number() over (partition by segment_key order by tick_id desc) as place
    from segflow.segment_sizes
    where tick_id < :tick_id and status = 'ok'
),

past as (
    select
        segment_key,
        count(*) as ticks,
        min(members) as smallest,
        max(members) as largest,
        max(case when place = 1 then members end) as last_members
    from before_it
    where place <= :most
    group by segment_key
)

select
    sizes.segment, sizes.members, sizes.status,
    coalesce(past.ticks, 0) as ticks, past.smallest, past.largest, past.last_members
from segflow.segment_sizes as sizes
left join past on past.segment_key = sizes.segment_key
where sizes.tick_id = :tick_id
