-- Whose goal is looked at beside those who stand in an active flow: who has left, stands in a paused flow or was withheld,
-- as long as there is time for it.
with enrollments as (
    select enrollment_id, flow, contact_id, enrolled_at from segflow.flow_enrollment_starts where tick_id <> :tick_id
    union all
    select enrollment_id, flow, contact_id, withheld_at as enrolled_at from segflow.flow_withheld where tick_id <> :tick_id
)

select enrollments.enrollment_id as subject_id, enrollments.contact_id, enrollments.enrolled_at, 1 as visit,
    goals.condition
from enrollments
inner join temp.goals as goals on goals.flow = enrollments.flow
inner join temp.flows_now as flows on flows.flow = enrollments.flow
left join temp.positions as positions
    on positions.enrollment_id = enrollments.enrollment_id and flows.status = 'active'
left join segflow.flow_conversions as converted
    on converted.enrollment_id = enrollments.enrollment_id and converted.tick_id <> :tick_id
where enrollments.enrolled_at > goals.since and positions.enrollment_id is null and converted.enrollment_id is null
