-- Enrollments that met the goal or an exit condition; the goal is what counts when both hold.
select positions.enrollment_id, positions.flow, positions.contact_id, :as_of as ended_at,
    case when count(*) filter (where conditions.kind = 'goal') > 0 then 'converted' else 'exit_when' end as reason
from temp.positions as positions
inner join temp.flows_now as flows on flows.flow = positions.flow
inner join temp.answers as answers on answers.subject_id = positions.enrollment_id
inner join temp.inside_conditions as conditions on conditions.condition = answers.condition
where flows.status = 'active' and conditions.kind in ('exit', 'goal')
group by positions.enrollment_id, positions.flow, positions.contact_id
