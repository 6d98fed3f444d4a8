-- Enrollments and the conditions of their flows; after enrolling, the new ones only. Goals are also asked of those who
-- have left, stand in a paused flow or were withheld, as long as there is time for it.
with watched as (
    select enrollment_id, flow, contact_id, enrolled_at from segflow.flow_enrollment_starts where tick_id <> :tick_id
    union all
    select enrollment_id, flow, contact_id, withheld_at as enrolled_at from segflow.flow_withheld where tick_id <> :tick_id
)

select positions.enrollment_id as subject_id, positions.contact_id, positions.enrolled_at, positions.visit,
    conditions.condition
from temp.positions as positions
inner join temp.flows_now as flows on flows.flow = positions.flow
inner join temp.inside_conditions as conditions on conditions.flow = positions.flow
where flows.status = 'active'
    and (
        not :only_new
        or conditions.kind in ('exit', 'rests') and positions.enrollment_id in (select enrollment_id from temp.started)
    )
union all
select watched.enrollment_id as subject_id, watched.contact_id, watched.enrolled_at, 1 as visit, goals.condition
from watched
inner join temp.goals as goals on goals.flow = watched.flow
inner join temp.flows_now as flows on flows.flow = watched.flow
left join temp.positions as positions on positions.enrollment_id = watched.enrollment_id and flows.status = 'active'
left join segflow.flow_conversions as converted
    on converted.enrollment_id = watched.enrollment_id and converted.tick_id <> :tick_id
where not :only_new and watched.enrolled_at > goals.since
    and positions.enrollment_id is null and converted.enrollment_id is null
