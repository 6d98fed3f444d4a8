-- Where everybody stands who has not ended.
select standing.*
from temp.standing as standing
left join temp.ended as ended on ended.enrollment_id = standing.enrollment_id
where ended.enrollment_id is null
