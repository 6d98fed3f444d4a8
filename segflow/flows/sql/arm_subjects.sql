-- Enrollments at steps with ways that have conditions, and these.
select positions.enrollment_id as subject_id, positions.contact_id, positions.enrolled_at, positions.visit,
    arms.condition
from temp.moving as positions
inner join temp.arms as arms on arms.flow = positions.flow and arms.step = positions.step
where arms.condition is not null and positions.skips is null
