-- Where everybody stands when moving begins: the positions of active flows. At a step that lets go of them by time or
-- condition nobody is late by having come long ago: `over_now` says since when they could have gone on.
select positions.*, coalesce(positions.since <= flows.late_before and not steps.timed and not steps.decides, false) as late
from temp.positions as positions
inner join temp.flows_now as flows on flows.flow = positions.flow
left join temp.steps as steps on steps.flow = positions.flow and steps.step = positions.step
where flows.status = 'active'
