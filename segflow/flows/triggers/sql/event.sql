-- The events that one tick takes, for each flow that they trigger.
select events.flow, events.contact_id, cast(null as varchar) as segment_key, 'event' as kind, events.ordinal,
    concat_ws('|', events.event, events.event_id) as occasion, events.at as happened_at, events.trigger_data,
    true as matches, true as may_wait
from temp.events_new as events
inner join temp.flows_now as flows on flows.flow = events.flow
where events.taken_by = :crossing_tick and flows.status in ('active', 'paused')
