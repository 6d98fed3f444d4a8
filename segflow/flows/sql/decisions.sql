-- What becomes of each candidate: enroll, wait, or a reason to drop it. Only the history of candidates is read.
with starts as (
    select flow, contact_id, max(enrolled_at) as enrolled_at
    from (
        select flow, contact_id, enrolled_at from segflow.flow_enrollment_starts where tick_id <> :tick_id
        union all
        select flow, contact_id, enrolled_at from temp.started
    ) as all_starts
    where (flow, contact_id) in (select flow, contact_id from temp.candidates)
    group by flow, contact_id
),

ends as (
    select flow, contact_id, max(ended_at) as ended_at
    from (
        select flow, contact_id, ended_at from segflow.flow_enrollment_ends where tick_id <> :tick_id
        union all
        select flow, contact_id, ended_at from temp.ended
    ) as all_ends
    where (flow, contact_id) in (select flow, contact_id from temp.candidates)
    group by flow, contact_id
),

-- There is one enrollment for an occasion, however often it is told: an event that arrives twice, a date that comes once
-- more in another time zone.
known as (
    select enrollment_id from segflow.flow_enrollment_starts
    where tick_id <> :tick_id and enrollment_id in (select enrollment_id from temp.candidates)
    union
    select enrollment_id from temp.started
),

judged as (
    select
        candidates.*,
        case
            when flows.status = 'paused' then 'paused'
            when contacts.contact_id is null and candidates.offer is not null then 'not_a_contact'
            when contacts.contact_id is null then 'gone'
            when not candidates.matches and candidates.offer is not null then 'does_not_match'
            when not candidates.matches then 'no_longer_matches'
            -- Whoever waits is judged again only when the time is over.
            when candidates.waited and ends.ended_at > reentry.bound then 'wait'
            when flows.has_where and filtered.subject_id is null then 'filter'
            when candidates.ignore_reentry and positions.contact_id is null then 'enroll'
            when reentry.rule = 'never' and starts.contact_id is not null then 'reentry_never'
            when positions.contact_id is not null then 'already_enrolled'
            when reentry.rule = 'after_entry' and starts.enrolled_at > reentry.bound then 'reentry_after_entry'
            when reentry.rule = 'after_exit' and ends.ended_at > reentry.bound
                then case when candidates.may_wait then 'wait' else 'reentry_after_exit' end
            when candidates.waited and candidates.kind = 'enters' and members.contact_id is null then 'no_longer_matches'
            when candidates.waited and candidates.kind = 'exits' and members.contact_id is not null
                then 'no_longer_matches'
            else 'enroll'
        end as verdict
    from temp.candidates as candidates
    inner join temp.flows_now as flows on flows.flow = candidates.flow
    inner join temp.reentry as reentry on reentry.flow = candidates.flow
    left join segflow.contacts as contacts on contacts.contact_id = candidates.contact_id
    left join starts on starts.flow = candidates.flow and starts.contact_id = candidates.contact_id
    left join ends on ends.flow = candidates.flow and ends.contact_id = candidates.contact_id
    left join temp.positions as positions
        on positions.flow = candidates.flow and positions.contact_id = candidates.contact_id
    left join segflow.segment_members as members
        on members.segment_key = candidates.segment_key and members.contact_id = candidates.contact_id
    left join temp.answers as filtered on filtered.subject_id = candidates.subject_id
    left join known on known.enrollment_id = candidates.enrollment_id
    where known.enrollment_id is null
),

ranked as (
    select judged.*, row_number() over (
            partition by flow, contact_id, verdict
            order by ordinal, tick_id, happened_at nulls first, occasion, offer nulls first
        ) as turn
    from judged
)

-- Of several crossings that could enroll a contact the first does, in the order of the trigger.
select
    ranked.*,
    case when verdict = 'enroll' and turn > 1 then 'already_enrolled' else verdict end as decision
from ranked
