-- The crossings that wait since this tick, and those that no longer do. One that made way for a later crossing of the
-- same contact is not over: the later one takes its place.
select 'waits' as change, flow, contact_id, trigger_segment, trigger_kind, crossing_tick, occasion, trigger_data
from (
    select flow, contact_id, trigger_segment, trigger_kind, crossing_tick, occasion, trigger_data from temp.waiting
    except
    select flow, contact_id, trigger_segment, trigger_kind, crossing_tick, occasion, trigger_data
    from segflow.flow_waiting
) as new_ones
union all
select 'over' as change, before.flow, before.contact_id, before.trigger_segment, before.trigger_kind, before.crossing_tick,
    before.occasion, before.trigger_data
from segflow.flow_waiting as before
left join temp.waiting as waiting on waiting.flow = before.flow and waiting.contact_id = before.contact_id
where waiting.contact_id is null
