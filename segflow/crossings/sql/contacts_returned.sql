-- Contacts that were gone and are there again.
select known.contact_id
from segflow.contact_state as known
inner join segflow.contacts as present on present.contact_id = known.contact_id
where known.gone_at is not null
