-- The members of a segment that are still there.
select members.contact_id
from temp.freezing as members
inner join segflow.contact_state as known on known.contact_id = members.contact_id and known.gone_at is null
order by members.contact_id
