-- The crossings of one tick, for each flow that they trigger.
select triggers.flow, crossings.contact_id, triggers.segment_key, triggers.kind, triggers.ordinal,
    crossings.tick_id as occasion, cast(null as timestamp) as happened_at, cast(null as varchar) as trigger_data,
    true as matches, true as may_wait
from temp.triggers as triggers
inner join temp.flows_now as flows on flows.flow = triggers.flow
inner join (
    select 'enters' as kind, segment_key, contact_id, tick_id, triggers from segflow.segment_entries
    union all
    select 'exits' as kind, segment_key, contact_id, tick_id, triggers from segflow.segment_exits
) as crossings on crossings.kind = triggers.kind and crossings.segment_key = triggers.segment_key
where crossings.triggers and crossings.tick_id = :crossing_tick and crossings.tick_id > flows.consumed_to
    and flows.status in ('active', 'paused')
