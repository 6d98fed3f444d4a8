-- The enrollments that have not ended after all hops.
select positions.enrollment_id
from temp.positions as positions
left join temp.taken as taken on taken.enrollment_id = positions.enrollment_id and taken.next_step is null
where taken.enrollment_id is null
