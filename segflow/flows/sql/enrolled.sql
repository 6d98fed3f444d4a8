-- The positions of those who were enrolled just now: before the first step.
select
    decisions.enrollment_id,
    decisions.flow,
    flows.flow_version,
    decisions.contact_id,
    flows.first_step as step,
    1 as visit,
    :as_of as since,
    decisions.enrolled_at,
    decisions.segment_key as trigger_segment,
    decisions.kind as trigger_kind,
    decisions.tick_id as crossing_tick,
    decisions.trigger_data
from temp.decisions as decisions
inner join temp.flows_now as flows on flows.flow = decisions.flow
where decisions.decision = 'enroll'
