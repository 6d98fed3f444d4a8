-- Who crossed which border in one tick: how many for each cause, with the first few of them.
with crossed as (
    select segment, 'entered' as crossing, cause, contact_id
    from segflow.segment_entries
    where tick_id = :tick_id
    union all
    select segment, 'exited' as crossing, cause, contact_id
    from segflow.segment_exits
    where tick_id = :tick_id
),

numbered as (
    select
        segment, crossing, cause, contact_id,
        row_number() over (partition by segment, crossing, cause order by contact_id) as place,
        count(*) over (partition by segment, crossing, cause) as contacts
    from crossed
)

select segment, crossing, cause, contacts, contact_id
from numbered
where place <= :most
order by segment, crossing, cause, place
