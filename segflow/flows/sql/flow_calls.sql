-- What the steps of this tick tell other flows.
select steps.called_flow as flow, steps.call, taken.contact_id, taken.enrollment_id, taken.flow as by_flow,
    taken.step as by_step, :as_of as at
from temp.taken as taken
inner join temp.steps as steps on steps.flow = taken.flow and steps.step = taken.step
where steps.call is not null and taken.action = steps.action
