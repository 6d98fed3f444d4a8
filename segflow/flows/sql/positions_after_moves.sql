-- The positions after all hops: those that took no step, and where the last step of the others led.
select positions.*
from temp.positions as positions
left join temp.taken as taken on taken.enrollment_id = positions.enrollment_id
where taken.enrollment_id is null
union all
select enrollment_id, flow, flow_version, contact_id, next_step as step, visit, :as_of as since, enrolled_at,
    trigger_segment, trigger_kind, crossing_tick, trigger_data
from (
    select taken.*, row_number() over (partition by enrollment_id order by hop desc) as newest from temp.taken as taken
) as last_taken
where newest = 1 and next_step is not null
