-- Contacts that came for the first time, are not there any more, or are there again.
select
    coalesce(present.contact_id, known.contact_id) as contact_id,
    case when known.contact_id is null then 'came' when present.contact_id is null then 'gone' else 'returned' end
        as change
from segflow.contacts as present
full outer join segflow.contact_state as known on known.contact_id = present.contact_id
where known.contact_id is null or (present.contact_id is null) <> (known.gone_at is not null)
