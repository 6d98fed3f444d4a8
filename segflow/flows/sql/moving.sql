-- Who may be able to take a step: those who arrived somewhere, less those who have to stay there for a time that is not
-- over. What an enrollment took before an edit put it in its way again, what has become pointless, and messages that are
-- too late, are passed by (`skips` says why). Steps with several ways that are no waits are asked again.
with arrived as (
    select * from temp.arrived
),

over_now as (
    select
        arrived.enrollment_id,
        min(case when times.late_to is null then times.ordinal end) as ordinal,
        min(times.late_to) as late_to
    from arrived
    inner join temp.times as times on times.flow = arrived.flow and times.step = arrived.step
    left join temp.zone_of as zones on zones.contact_id = arrived.contact_id
    left join temp.moments as moments on moments.enrollment_id = arrived.enrollment_id and moments.name = times.moment
    where (times.zone is null or times.zone = coalesce(zones.zone, :zone))
        and (times.since_from is null or arrived.since >= times.since_from)
        and (
            times.since_to is null
            or case when times.late_to is null then arrived.since else coalesce(arrived.late_to, arrived.since) end
                <= times.since_to
        )
        and (times.moment is null or moments.day <= times.day_to or moments.moment <= times.moment_to)
        and (
            times.to_hash is null
            or substring(row_hash('spread', arrived.enrollment_id, arrived.step), 1, 8) < times.to_hash
        )
    group by arrived.enrollment_id
),

judged as (
    select
        arrived.*,
        steps.timed,
        steps.decides,
        over_now.ordinal as over_ordinal,
        -- A time that is over was over by then or not; else it is where they come from that counts.
        case when over_now.enrollment_id is not null then over_now.late_to else arrived.late_to end as was_due,
        case
            when passed.step is not null and not steps.asked_again then 'taken before an edit moved it'
            when steps.channel is not null
                and case when steps.timed then over_now.late_to else arrived.late_to end is not null then 'too_late'
            when steps.skip_at <= :as_of or skips.moment < :as_of or skips.day < :today then 'skip_after'
        end as skips
    from arrived
    inner join temp.steps as steps on steps.flow = arrived.flow and steps.step = arrived.step
    left join over_now on over_now.enrollment_id = arrived.enrollment_id
    left join temp.passed as passed on passed.enrollment_id = arrived.enrollment_id and passed.step = arrived.step
    left join temp.moments as skips
        on skips.enrollment_id = arrived.enrollment_id and skips.name = steps.skip_moment
)

select judged.* from judged where skips is not null or not timed or decides or over_ordinal is not null
