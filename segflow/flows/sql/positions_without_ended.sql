-- The positions less the enrollments that have ended.
select positions.*
from temp.positions as positions
left join temp.ended as ended on ended.enrollment_id = positions.enrollment_id
where ended.enrollment_id is null
