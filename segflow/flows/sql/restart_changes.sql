-- What the state has now and had not, and what it has no more. That an enrollment has ended is known anyway.
select 'holds' as change, enrollment_id, flow, mark
from (select * from temp.restart_state except select * from segflow.flow_restart_state) as new_ones
union all
select 'over' as change, gone.enrollment_id, gone.flow, gone.mark
from (select * from segflow.flow_restart_state except select * from temp.restart_state) as gone
left join temp.remaining as positions on positions.enrollment_id = gone.enrollment_id
where gone.enrollment_id = '' or positions.enrollment_id is not null
