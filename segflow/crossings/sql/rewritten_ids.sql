-- Of the contacts that are missing: those that are here under an id that was not known before and is the same once the
-- way of writing is left out, and a pair to show.
with lost as (
    select known.contact_id, plain_id(known.contact_id) as plain
    from segflow.contact_state as known
    left join segflow.contacts as present on present.contact_id = known.contact_id
    left join temp.deleted as deleted on deleted.contact_id = known.contact_id
    where known.gone_at is null and present.contact_id is null and deleted.contact_id is null
),

new as (
    select present.contact_id, plain_id(present.contact_id) as plain
    from segflow.contacts as present
    left join segflow.contact_state as known on known.contact_id = present.contact_id
    where known.contact_id is null
)

select count(distinct lost.contact_id) as times, min(lost.contact_id) as old, min_by(new.contact_id, lost.contact_id) as new
from lost
inner join new on new.plain = lost.plain
where lost.plain <> ''
