-- The other enrollments of deleted contacts, wherever they stand, less those that have come to their end.
select positions.enrollment_id, positions.flow, positions.contact_id, :as_of as ended_at, 'deleted' as reason
from temp.positions as positions
inner join temp.deleting as deleting on deleting.contact_id = positions.contact_id
left join temp.taken as taken on taken.enrollment_id = positions.enrollment_id and taken.next_step is null
where taken.enrollment_id is null
