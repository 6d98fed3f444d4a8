-- Enrollments and the exit conditions of their flows; after enrolling, the new ones only.
select positions.enrollment_id as subject_id, positions.contact_id, positions.enrolled_at, positions.visit,
    conditions.condition
from temp.positions as positions
inner join temp.exit_conditions as conditions on conditions.flow = positions.flow
where not :only_new or positions.enrollment_id in (select enrollment_id from temp.started)
