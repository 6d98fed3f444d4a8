-- What steps of earlier ticks told flows that these have not heard yet.
select calls.flow, calls.call, calls.contact_id, calls.by_flow, calls.by_step, max(calls.at) as at
from segflow.flow_calls as calls
inner join temp.flows_now as flows on flows.flow = calls.flow
where calls.tick_id >= flows.consumed_to and calls.tick_id < :tick_id
group by calls.flow, calls.call, calls.contact_id, calls.by_flow, calls.by_step
