-- The messages planned in this tick; the id is the same however often the tick is run.
select
    row_hash(taken.enrollment_id, taken.step, taken.visit) as message_id,
    taken.enrollment_id, taken.flow, taken.flow_version, taken.step, taken.visit, taken.contact_id, taken.channel,
    steps.sender, steps.content, coalesce(names.segment, taken.trigger_segment) as trigger_segment, taken.enrolled_at,
    :as_of as planned_at
from temp.taken as taken
inner join temp.steps as steps on steps.flow = taken.flow and steps.step = taken.step
left join temp.segment_names as names on names.segment_key = taken.trigger_segment
where taken.channel is not null
