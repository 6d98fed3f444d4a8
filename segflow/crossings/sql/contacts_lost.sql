-- How many contacts the tick before knew, and how many of them are missing now.
select count(*) as known, count(*) filter (where present.contact_id is null) as lost
from segflow.contact_state as known
left join segflow.contacts as present on present.contact_id = known.contact_id
where known.gone_at is null
