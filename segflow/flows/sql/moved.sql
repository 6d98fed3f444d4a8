-- Where those that took a step in this hop stand now.
select enrollment_id, flow, flow_version, contact_id, next_step as step, visit, :as_of as since, enrolled_at,
    trigger_segment, trigger_kind, crossing_tick, trigger_data
from temp.due
where next_step is not null
