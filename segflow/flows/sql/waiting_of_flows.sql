-- Crossings that wait, less those of flows that are gone.
select waiting.*
from segflow.flow_waiting as waiting
inner join temp.flows_now as flows on flows.flow = waiting.flow
