-- The crossings that wait less those of deleted contacts.
select waiting.*
from temp.waiting as waiting
left join temp.deleting as deleting on deleting.contact_id = waiting.contact_id
where deleting.contact_id is null
