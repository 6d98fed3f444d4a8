-- Who may take a step in this tick: the positions of active flows, less those whose wait is not over.
select positions.*
from temp.positions as positions
inner join temp.flows_now as flows on flows.flow = positions.flow
inner join temp.steps as steps on steps.flow = positions.flow and steps.step = positions.step
left join temp.passed as passed on passed.enrollment_id = positions.enrollment_id and passed.step = positions.step
left join temp.calendar_waits_over as over_now
    on over_now.flow = positions.flow and over_now.step = positions.step and over_now.since = positions.since
where flows.status = 'active'
    and (
        steps.action <> 'wait'
        or over_now.since is not null
        or positions.since <= steps.due_before
        or passed.step is not null
    )
