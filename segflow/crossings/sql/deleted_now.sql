-- The contacts that a flow has deleted and nobody has restored since.
with deleted as (
    select deletions.*, row_number() over (partition by contact_id order by tick_id desc) as newest
    from segflow.contact_deletions as deletions
),

restored as (
    select contact_id, max("at") as "at" from segflow.contact_restores group by contact_id
)

select deleted.contact_id, deleted."at" as deleted_at, deleted.flow, deleted.step
from deleted
left join restored on restored.contact_id = deleted.contact_id and restored."at" > deleted."at"
where deleted.newest = 1 and restored.contact_id is null
