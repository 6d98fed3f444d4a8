-- How many contacts the tick before knew, and how many of them are missing now. Who was deleted on purpose is neither.
select count(*) as known, count(*) filter (where present.contact_id is null) as lost
from segflow.contact_state as known
left join segflow.contacts as present on present.contact_id = known.contact_id
left join temp.deleted as deleted on deleted.contact_id = known.contact_id
where known.gone_at is null and deleted.contact_id is null
