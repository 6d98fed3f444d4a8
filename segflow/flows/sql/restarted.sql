-- Enrollments of which a restart condition turned true: it holds, and what of it may have held at the last look did not.
-- A condition that was never looked at cannot have turned.
select positions.enrollment_id, positions.flow, positions.contact_id, positions.visit + 1 as visit,
    min(conditions.place) as place
from temp.positions as positions
inner join temp.flows_now as flows on flows.flow = positions.flow
inner join temp.answers as answers on answers.subject_id = positions.enrollment_id
inner join temp.inside_conditions as conditions
    on conditions.condition = answers.condition and conditions.kind = 'restart'
left join segflow.flow_restart_state as looked
    on looked.flow = conditions.flow and looked.mark = conditions.mark and looked.enrollment_id = ''
left join segflow.flow_restart_state as held
    on held.flow = conditions.flow and held.mark = conditions.mark and held.enrollment_id = positions.enrollment_id
where flows.status = 'active' and held.mark is null and (conditions.mark is null or looked.mark is not null)
group by positions.enrollment_id, positions.flow, positions.contact_id, positions.visit
