-- Enrollments that a person ends.
select positions.enrollment_id, positions.flow, positions.contact_id, :as_of as ended_at, 'removed' as reason
from temp.positions as positions
inner join (select distinct flow, contact_id from temp.removed) as removed
    on removed.flow = positions.flow and removed.contact_id = positions.contact_id
left join temp.ended as ended on ended.enrollment_id = positions.enrollment_id
where ended.enrollment_id is null
