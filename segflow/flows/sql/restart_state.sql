-- What a restart condition must not hold for to turn true: (enrollment, condition) that hold now. A row without an
-- enrollment says that the condition was looked at. Flows that stand still keep what they had.
select distinct resting.enrollment_id, resting.flow, resting.mark
from temp.resting as resting
inner join temp.remaining as positions on positions.enrollment_id = resting.enrollment_id
union all
select distinct '' as enrollment_id, conditions.flow, conditions.mark
from temp.inside_conditions as conditions
where conditions.kind = 'rests'
union all
select states.enrollment_id, states.flow, states.mark
from segflow.flow_restart_state as states
inner join temp.flows_now as flows on flows.flow = states.flow and flows.status <> 'active'
left join temp.remaining as positions on positions.enrollment_id = states.enrollment_id
where states.enrollment_id = '' or positions.enrollment_id is not null
