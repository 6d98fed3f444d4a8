-- What holds for enrollments that have not ended, by the last change of each.
with ranked as (
    select changes.*, row_number() over (partition by enrollment_id, flow, mark order by tick_id desc) as newest
    from segflow.flow_restart_changes as changes
)

select ranked.enrollment_id, ranked.flow, ranked.mark
from ranked
left join segflow.flow_enrollment_ends as ends on ends.enrollment_id = ranked.enrollment_id
where ranked.newest = 1 and ranked.change = 'holds' and ends.enrollment_id is null
