-- Who may take a step in this tick.
select positions.*
from temp.positions as positions
inner join temp.flows_now as flows on flows.flow = positions.flow
where flows.status = 'active'
