-- The events that flows have not been offered yet, each once, with the tick that takes them: the first that the flow has
-- not consumed and that is not before the event. Who is no contact (yet) may become one while the event is looked for.
with once as (
    select found.*, row_number() over (
            partition by found.flow, found.event, found.event_id order by found.at, found.contact_id, found.ordinal
        ) as turn
    from temp.events_found as found
    inner join segflow.contacts as contacts on contacts.contact_id = found.contact_id
    left join (select flow, event, event_id from segflow.flow_events where tick_id <> :tick_id) as seen
        on seen.flow = found.flow and seen.event = found.event and seen.event_id = found.event_id
    where seen.event_id is null
),

taken as (
    select once.*, ticks.tick_id as taken_by, row_number() over (
            partition by once.flow, once.event, once.event_id order by ticks.tick_id
        ) as nth_tick
    from once
    inner join temp.flows_now as flows on flows.flow = once.flow
    inner join segflow.ticks as ticks
        on ticks.tick_id > flows.consumed_to and ticks.tick_id <= :tick_id and ticks.as_of >= once.at
    where once.turn = 1
)

select flow, ordinal, event, contact_id, at, event_id, trigger_data, taken_by from taken where nth_tick = 1
