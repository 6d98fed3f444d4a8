-- What becomes of candidates that their own flow would take in, where flows look at each other: by priority, one flow of a
-- contact after the other, because who gets into one may not get into the next. Whoever is inside stays. A holdout comes
-- last: withheld are those who would have got in.
with recursive wanted as (
    select
        judged.subject_id, judged.flow, judged.contact_id, judged.held_out, rules.flow_group, rules.max_active,
        row_number() over (partition by judged.contact_id order by rules.priority desc, judged.flow) as place
    from temp.verdicts as judged
    inner join temp.entry_rules as rules on rules.flow = judged.flow
    where judged.verdict = 'enroll' and judged.turn = 1 and judged.contact_id in (
        select rivalling.contact_id
        from temp.verdicts as rivalling
        inner join temp.entry_rules as own on own.flow = rivalling.flow
        where rivalling.verdict = 'enroll' and own.has_rivals
    )
),

been_in as (
    select flow, contact_id, cast(null as timestamp) as ended_at
    from temp.positions
    where contact_id in (select contact_id from wanted)
    union all
    select flow, contact_id, ended_at
    from (
        select flow, contact_id, ended_at from segflow.flow_enrollment_ends where tick_id <> :tick_id
        union all
        select flow, contact_id, ended_at from temp.ended
    ) as all_ends
    where contact_id in (select contact_id from wanted)
        and flow in (select other from temp.rivals where bound is not null)
),

blocked as (
    select wanted.subject_id, min(rivals.rule || ' ' || rivals.other) as why
    from wanted
    inner join temp.rivals as rivals on rivals.flow = wanted.flow
    inner join been_in on been_in.flow = rivals.other and been_in.contact_id = wanted.contact_id
    where been_in.ended_at is null or been_in.ended_at > rivals.bound
    group by wanted.subject_id
),

standing as (
    select been_in.contact_id, rules.flow_group, count(*) as enrollments
    from been_in
    inner join temp.entry_rules as rules on rules.flow = been_in.flow
    where been_in.ended_at is null and rules.flow_group is not null
    group by been_in.contact_id, rules.flow_group
),

queue as (
    select
        wanted.subject_id, wanted.flow, wanted.contact_id, wanted.place, wanted.held_out, wanted.flow_group,
        wanted.max_active - coalesce(standing.enrollments, 0) as room, blocked.why
    from wanted
    left join standing on standing.contact_id = wanted.contact_id and standing.flow_group = wanted.flow_group
    left join blocked on blocked.subject_id = wanted.subject_id
),

-- `got_in` and `used` are the flows, and their groups, that the contact got into in this very round: |one||two|
turns as (
    select distinct contact_id, cast(0 as bigint) as place, cast(null as varchar) as subject_id,
        cast(null as varchar) as fate, '' as got_in, '' as used
    from queue
    union all
    select
        next_one.contact_id, next_one.place, next_one.subject_id, next_one.fate,
        next_one.got_in || case when next_one.fate = 'enroll' and not next_one.held_out
            then '|' || next_one.flow || '|' else '' end as got_in,
        next_one.used || case when next_one.fate = 'enroll' and not next_one.held_out and next_one.flow_group is not null
            then '|' || next_one.flow_group || '|' else '' end as used
    from (
        select
            queue.contact_id, queue.place, queue.subject_id, queue.flow, queue.flow_group, queue.held_out, turns.got_in,
            turns.used,
            -- Of several rivals the first one is the reason. No subquery: few engines look into one for what is like
            -- something outside, and none adds up within a round.
            row_number() over (partition by queue.subject_id order by rivals.rule || ' ' || rivals.other) as choice,
            coalesce(
                queue.why,
                rivals.rule || ' ' || rivals.other,
                case
                    when length(turns.used) - length(replace(turns.used, '|' || queue.flow_group || '|', ''))
                        >= queue.room * (length(queue.flow_group) + 2)
                        then 'group_full ' || queue.flow_group
                end,
                'enroll'
            ) as fate
        from turns
        inner join queue on queue.contact_id = turns.contact_id and queue.place = turns.place + 1
        left join temp.rivals as rivals
            on rivals.flow = queue.flow and position('|' || rivals.other || '|' in turns.got_in) > 0
    ) as next_one
    where next_one.choice = 1
),

-- Of several crossings of a contact the others share the fate of the one that could have enrolled it.
fates as (
    select judged.flow, judged.contact_id, turns.fate
    from temp.verdicts as judged
    inner join turns on turns.subject_id = judged.subject_id
    where turns.fate <> 'enroll'
),

withheld_before as (
    select flow, contact_id from segflow.flow_withheld where tick_id <> :tick_id
    union
    select flow, contact_id from temp.withheld
)

select judged.*,
    case
        when judged.verdict <> 'enroll' then judged.verdict
        when fates.fate is not null then fates.fate
        when judged.held_out then 'withheld'
        when judged.turn > 1 then 'already_enrolled'
        else 'enroll'
    end as decision,
    judged.turn > 1 or withheld_before.flow is not null as is_repeated
from temp.verdicts as judged
left join fates on fates.flow = judged.flow and fates.contact_id = judged.contact_id
left join withheld_before on withheld_before.flow = judged.flow and withheld_before.contact_id = judged.contact_id
