-- The positions after a hop: those that were not due, and those that go on.
select positions.*
from temp.positions as positions
left join temp.due as due on due.enrollment_id = positions.enrollment_id
where due.enrollment_id is null
union all
select enrollment_id, flow, flow_version, contact_id, next_step as step, visit, :as_of as since, enrolled_at,
    trigger_segment, trigger_kind, crossing_tick
from temp.due
where next_step is not null
