-- Every contact ever seen, and since when it is gone.
select
    coalesce(present.contact_id, known.contact_id) as contact_id,
    case when present.contact_id is null then coalesce(known.gone_at, :as_of) end as gone_at
from segflow.contacts as present
full outer join segflow.contact_state as known on known.contact_id = present.contact_id
