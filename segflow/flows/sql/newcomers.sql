-- The positions of those who were enrolled in this tick and are still inside.
select started.enrollment_id, started.flow, started.flow_version, started.contact_id, placed.step, placed.visit, placed.since,
    started.enrolled_at, started.trigger_segment, started.trigger_kind, started.crossing_tick, started.trigger_data
from temp.started as started
inner join temp.placed as placed on placed.enrollment_id = started.enrollment_id
