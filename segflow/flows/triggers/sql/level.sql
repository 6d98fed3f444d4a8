-- The present members of each segment whose rule fired.
with zones as (
    -- The zone of each contact is put here.
    select contact_id, zone from nobody
)

select triggers.flow, members.contact_id, triggers.segment_key, triggers.kind, triggers.ordinal, firings.occasion,
    cast(null as timestamp) as happened_at, firings.trigger_data, true as matches, false as may_wait
from temp.level_firings as firings
inner join temp.triggers as triggers on triggers.flow = firings.flow and triggers.ordinal = firings.ordinal
inner join segflow.segment_members as members on members.segment_key = triggers.segment_key
left join zones on zones.contact_id = members.contact_id
where firings.zone is null or firings.zone = zones.zone
