-- Enrollments that have not ended, each at the place where its last move put it.
with ranked as (
    select enrollment_id, step, visit, since, row_number() over (partition by enrollment_id order by tick_id desc) as newest
    from segflow.flow_moves
)

select starts.enrollment_id, starts.flow, starts.flow_version, starts.contact_id, ranked.step, ranked.visit, ranked.since,
    starts.enrolled_at, starts.trigger_segment, starts.trigger_kind, starts.crossing_tick, starts.trigger_data
from segflow.flow_enrollment_starts as starts
inner join ranked on ranked.enrollment_id = starts.enrollment_id and ranked.newest = 1
left join segflow.flow_enrollment_ends as ends on ends.enrollment_id = starts.enrollment_id
where ends.enrollment_id is null
