-- Who may be able to take a step: those who arrived somewhere, less those who have to stay there for a time that is not
-- over. What an enrollment took before an edit put it in its way again, what has become pointless, and messages that are
-- too late, are passed by (`skips` says why). Steps with several ways that are no waits are asked again.
with arrived as (
    select * from temp.arrived
),

judged as (
    select
        arrived.enrollment_id, arrived.flow, arrived.flow_version, arrived.contact_id, arrived.step, arrived.visit,
        arrived.enrolled_at, arrived.trigger_segment,
        stands.action, stands.detail, stands.channel, stands.decides, stands.timed, stands.skip_to, stands.arm,
        stands.next_step, stands.end_reason,
        coalesce(over_now.ordinal, stands.over_ordinal) as over_ordinal,
        coalesce(stands.late_to, arrived.late_to) as late_to,
        -- A time that is over was over by then or not; else it is where they come from that counts.
        case
            when over_now.enrollment_id is not null then over_now.late_to
            when stands.over_ordinal is null then coalesce(stands.late_to, arrived.late_to)
        end as was_due,
        case
            when passed.step is not null and not stands.asked_again then 'taken before an edit moved it'
            when stands.channel is not null
                and case when stands.timed then over_now.late_to else coalesce(stands.late_to, arrived.late_to) end
                is not null
                then 'too_late'
            when stands.is_over or skips.moment < :as_of or skips.day < :today then 'skip_after'
        end as skips
    from arrived
    inner join temp.stands as stands
        on stands.flow = arrived.flow and stands.step = arrived.step and stands.since = arrived.since
    left join temp.over_now as over_now on over_now.enrollment_id = arrived.enrollment_id
    left join temp.passed as passed on passed.enrollment_id = arrived.enrollment_id and passed.step = arrived.step
    left join temp.moments as skips
        on skips.enrollment_id = arrived.enrollment_id and skips.name = stands.skip_moment
)

select judged.* from judged where skips is not null or not timed or decides or over_ordinal is not null
