-- Enrollments at steps with ways that have conditions, and these.
select moving.enrollment_id as subject_id, moving.contact_id, moving.enrolled_at, moving.visit, arms.condition
from temp.moving as moving
inner join temp.arms as arms on arms.flow = moving.flow and arms.step = moving.step
where arms.condition is not null
