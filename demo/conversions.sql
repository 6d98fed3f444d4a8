-- One row per flow with a goal, side (withheld or not) and way of its splits: contacts, each with its first enrollment,
-- and how many of them met the goal in time. Way is null for all of a side.
with started as (
    select starts.flow, starts.enrollment_id, row_number() over (
            partition by starts.flow, starts.contact_id
            order by starts.tick_id, starts.enrolled_at, starts.enrollment_id
        ) as turn
    from segflow.flow_enrollment_starts as starts
    inner join temp.demo_goals as goals on goals.flow = starts.flow
),

sides as (
    select flow, enrollment_id, false as withheld from started where turn = 1
    union all
    select kept_out.flow, kept_out.enrollment_id, true as withheld
    from segflow.flow_withheld as kept_out
    inner join temp.demo_goals as goals on goals.flow = kept_out.flow
),

counted as (
    select flow, withheld, enrollment_id, cast(null as varchar) as way from sides
    union all
    select distinct sides.flow, sides.withheld, sides.enrollment_id, journal.detail as way
    from sides
    inner join segflow.flow_journal as journal on journal.enrollment_id = sides.enrollment_id
    where journal.action = 'split' and not sides.withheld
)

select counted.flow, counted.withheld, counted.way, count(*) as contacts, count(won.enrollment_id) as converted
from counted
left join segflow.flow_conversions as won on won.enrollment_id = counted.enrollment_id and won.in_time
group by counted.flow, counted.withheld, counted.way
order by counted.flow, counted.withheld, counted.way nulls first
