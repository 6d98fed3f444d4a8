-- Contacts and conversions of flows since they have had a holdout, on both sides. Whoever was withheld counts as that,
-- also when a later edit let them in.
with kept_out as (
    select holdouts.flow, withheld.contact_id, withheld.enrollment_id
    from temp.holdouts as holdouts
    inner join segflow.flow_withheld as withheld on withheld.flow = holdouts.flow
    where withheld.tick_id >= holdouts.since
),

let_in as (
    select starts.flow, starts.contact_id, starts.enrollment_id, row_number() over (
            partition by starts.flow, starts.contact_id order by starts.tick_id, starts.enrolled_at, starts.enrollment_id
        ) as turn
    from temp.holdouts as holdouts
    inner join segflow.flow_enrollment_starts as starts on starts.flow = holdouts.flow
    left join kept_out on kept_out.flow = starts.flow and kept_out.contact_id = starts.contact_id
    where starts.tick_id >= holdouts.since and kept_out.contact_id is null
),

sides as (
    select flow, enrollment_id, false as withheld from let_in where turn = 1
    union all
    select flow, enrollment_id, true as withheld from kept_out
)

select
    holdouts.flow,
    count(*) filter (where not sides.withheld) as enrolled,
    count(converted.enrollment_id) filter (where not sides.withheld) as converted,
    count(*) filter (where sides.withheld) as withheld,
    count(converted.enrollment_id) filter (where sides.withheld) as converted_withheld
from temp.holdouts as holdouts
left join sides on sides.flow = holdouts.flow
left join segflow.flow_conversions as converted
    on converted.enrollment_id = sides.enrollment_id and converted.in_time
group by holdouts.flow
order by holdouts.flow
