-- What flows were offered in this tick. A flow that is held was offered nothing.
select events.flow, events.event, events.event_id, events.contact_id, events.at
from temp.events_new as events
inner join temp.flows_now as flows on flows.flow = events.flow
where flows.status in ('active', 'paused')
