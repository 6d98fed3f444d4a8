-- Where everybody stands when moving begins: the positions of active flows. At a step that lets go of them by time or
-- condition nobody is late by having come long ago: `over_now` says since when they could have gone on. `late_to` is null for
-- who is not late; the others could have come to where they stand by then.
select positions.*,
    case when positions.since <= flows.late_before and not steps.timed and not steps.decides then flows.late_before end as late_to
from temp.positions as positions
inner join temp.flows_now as flows on flows.flow = positions.flow
left join temp.steps as steps on steps.flow = positions.flow and steps.step = positions.step
where flows.status = 'active'
