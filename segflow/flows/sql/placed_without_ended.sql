-- Where everybody stands since this tick, less who has ended since.
with placed as (
    select enrollment_id, flow, step, visit, since from temp.due
)

select placed.*
from placed
left join temp.ended as ended on ended.enrollment_id = placed.enrollment_id
where ended.enrollment_id is null
