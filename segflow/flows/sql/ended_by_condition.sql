-- Enrollments that met an exit condition.
select positions.enrollment_id, positions.flow, positions.contact_id, :as_of as ended_at, 'exit_when' as reason
from temp.positions as positions
where positions.enrollment_id in (select subject_id from temp.answers)
