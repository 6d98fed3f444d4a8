-- The positions less those of deleted contacts.
select positions.*
from temp.positions as positions
left join temp.deleting as deleting on deleting.contact_id = positions.contact_id
where deleting.contact_id is null
