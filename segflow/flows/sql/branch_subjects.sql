-- Enrollments that stand at a branch.
select positions.enrollment_id as subject_id, positions.contact_id, positions.enrolled_at, positions.visit,
    positions.flow || '/' || positions.step as condition
from temp.moving as positions
inner join temp.steps as steps on steps.flow = positions.flow and steps.step = positions.step
where steps.action = 'branch'
