-- Contacts that were there at the tick before and are not there now.
select known.contact_id
from segflow.contact_state as known
left join segflow.contacts as present on present.contact_id = known.contact_id
where known.gone_at is null and present.contact_id is null
