-- Where the enrollments stand now that took a step in one hop and none in the next.
select due.enrollment_id, due.flow, due.next_step as step, due.visit, :as_of as since
from temp.due as due
left join temp.later as later on later.enrollment_id = due.enrollment_id
where due.next_step is not null and later.enrollment_id is null
