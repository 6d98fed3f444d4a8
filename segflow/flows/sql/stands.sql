-- The places, and since when, at which somebody may be able to take a step, with the step and its first way on. Most of what
-- decides is the same for all who came to a step at the same time, and they are many: only what is left is asked of each.
-- `over_ordinal` says which way is open, where time alone says so; `late_to` is null for who is not late. At a step that lets go
-- of them by time or condition nobody is late by having come long ago: `over_now` says since when they could have gone on.
with found as (
    select * from temp.found
),

known as (
    select
        found.since,
        steps.flow, steps.step, steps.action, steps.detail, steps.channel, steps.decides, steps.timed, steps.asked_again,
        steps.skip_to, steps.skip_moment,
        coalesce(steps.skip_at <= :as_of, false) as is_over,
        arms.arm, arms.next_step, arms.end_reason,
        case
            when :is_first and found.since <= flows.late_before and not steps.timed and not steps.decides
                then flows.late_before
        end as late_to,
        case
            when (plain.since_from is null or found.since >= plain.since_from)
                and (plain.since_to is null or found.since <= plain.since_to)
                then plain.ordinal
        end as over_ordinal,
        other.flow is not null or reordered.flow is not null as asks_each
    from found
    inner join temp.steps as steps on steps.flow = found.flow and steps.step = found.step
    inner join temp.flows_now as flows on flows.flow = steps.flow
    left join temp.arms as arms on arms.flow = steps.flow and arms.step = steps.step and arms.ordinal = 0
    left join temp.plain_times as plain on plain.flow = steps.flow and plain.step = steps.step
    left join (select distinct flow, step from temp.times) as other on other.flow = steps.flow and other.step = steps.step
    left join temp.reordered as reordered on reordered.flow = steps.flow
    where flows.status = 'active'
)

select known.* from known
where not timed or decides or over_ordinal is not null or asks_each or is_over or skip_moment is not null
