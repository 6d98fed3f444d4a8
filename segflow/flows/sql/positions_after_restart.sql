-- The positions with those that start again before the first step.
select positions.enrollment_id, positions.flow, positions.flow_version, positions.contact_id,
    case when restarted.visit is null then positions.step else flows.first_step end as step,
    coalesce(restarted.visit, positions.visit) as visit,
    case when restarted.visit is null then positions.since else :as_of end as since,
    positions.enrolled_at, positions.trigger_segment, positions.trigger_kind, positions.crossing_tick,
    positions.trigger_data
from temp.positions as positions
left join temp.flows_now as flows on flows.flow = positions.flow
left join temp.restarted as restarted on restarted.enrollment_id = positions.enrollment_id
