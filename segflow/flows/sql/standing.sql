-- Where everybody stands when moving begins: the positions of active flows.
select positions.*, coalesce(positions.since <= flows.late_before, false) as late
from temp.positions as positions
inner join temp.flows_now as flows on flows.flow = positions.flow
where flows.status = 'active'
