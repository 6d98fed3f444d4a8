-- The other enrollments of deleted contacts, wherever they stand.
select positions.enrollment_id, positions.flow, positions.contact_id, :as_of as ended_at, 'deleted' as reason
from temp.positions as positions
inner join temp.deleting as deleting on deleting.contact_id = positions.contact_id
