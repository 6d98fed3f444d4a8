-- Crossings that wait, less those of flows that are gone.
select waiting.*
from temp.waiting as waiting
inner join temp.flows_now as flows on flows.flow = waiting.flow
