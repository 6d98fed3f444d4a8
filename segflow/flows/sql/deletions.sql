-- The tombstones of this tick, with the hashes of what each contact was reached at.
select deleting.contact_id, cast(:as_of as timestamp) as "at", deleting.flow, deleting.step, deleting.enrollment_id,
    hashes.addresses
from temp.deleting as deleting
left join temp.deleted_addresses as hashes on hashes.contact_id = deleting.contact_id
