-- Those whose turn it is. Who has left the segment meanwhile is told so.
select triggers.flow, audience.contact_id, triggers.segment_key, triggers.kind, triggers.ordinal, audience.occasion,
    cast(null as timestamp) as happened_at, audience.trigger_data, members.contact_id is not null as matches,
    false as may_wait
from temp.broadcast_audience as audience
inner join temp.triggers as triggers on triggers.flow = audience.flow and triggers.ordinal = audience.ordinal
left join segflow.segment_members as members
    on members.segment_key = triggers.segment_key and members.contact_id = audience.contact_id
where audience.offered
