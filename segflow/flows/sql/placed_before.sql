-- Where the enrollments stand that took a place before any step moved, and no step since.
select placed.enrollment_id, placed.flow, placed.step, placed.visit, placed.since
from temp.placed_before as placed
left join temp.ended as ended on ended.enrollment_id = placed.enrollment_id
left join temp.due as due on due.enrollment_id = placed.enrollment_id
where placed.since = :as_of and ended.enrollment_id is null and due.enrollment_id is null
