-- Enrollments and the conditions of their flows; after enrolling, the new ones only.
select positions.enrollment_id as subject_id, positions.contact_id, positions.enrolled_at, positions.visit,
    conditions.condition
from temp.positions as positions
inner join temp.flows_now as flows on flows.flow = positions.flow
inner join temp.inside_conditions as conditions on conditions.flow = positions.flow
where flows.status = 'active'
    and (
        not :only_new
        or conditions.kind in ('exit', 'rests') and positions.enrollment_id in (select enrollment_id from temp.started)
    )
