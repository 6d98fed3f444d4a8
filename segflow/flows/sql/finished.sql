-- Enrollments that came to their end by themselves.
select enrollment_id, flow, contact_id, :as_of as ended_at, end_reason as reason
from temp.taken
where next_step is null
