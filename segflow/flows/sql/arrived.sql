-- Everybody, where they stand when moving begins.
select enrollment_id, flow, flow_version, contact_id, step, visit, since, enrolled_at, trigger_segment,
    cast(null as timestamp) as late_to
from temp.positions
