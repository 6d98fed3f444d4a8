-- What becomes of each candidate by the rules of its flow alone: enroll, wait, or a reason to drop it. Of several crossings
-- that could enroll a contact the first does (`turn`), in the order of the trigger. Only the history of candidates is read.
with starts as (
    select flow, contact_id, max(enrolled_at) as enrolled_at, count(*) as enrollments
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
told_before as (
    select enrollment_id from segflow.flow_enrollment_starts
    where tick_id <> :tick_id and enrollment_id in (select enrollment_id from temp.candidates)
    union
    select enrollment_id from segflow.flow_withheld
    where tick_id <> :tick_id and enrollment_id in (select enrollment_id from temp.candidates)
    union
    select enrollment_id from temp.started
),

-- Only of those who waited it is asked whether they still match.
members as (
    select segment_key, contact_id from segflow.segment_members
    where (segment_key, contact_id) in (select segment_key, contact_id from temp.candidates where waited)
),

holds as (
    select
        answers.subject_id,
        count(*) filter (where conditions.kind = 'where') > 0 as passes_where,
        count(*) filter (where conditions.kind = 'goal') > 0 as meets_goal,
        count(*) filter (where conditions.kind = 'holdout') > 0 as held_out
    from temp.answers as answers
    inner join temp.candidate_conditions as conditions on conditions.condition = answers.condition
    group by answers.subject_id
),

-- What the rules ask about, by name.
known as (
    select
        candidates.*,
        flows.status = 'paused' as is_paused,
        contacts.contact_id is not null as is_contact,
        flows.has_where and not coalesce(holds.passes_where, false) as is_filtered,
        coalesce(holds.meets_goal, false) as meets_goal,
        coalesce(holds.held_out, false) as held_out,
        rules.rule as reentry,
        rules.max_enrollments,
        coalesce(starts.enrollments, 0) as enrollments,
        coalesce(starts.enrolled_at > rules.bound, false) as entered_too_lately,
        coalesce(ends.ended_at > rules.bound, false) as ended_too_lately,
        positions.contact_id is not null as is_inside,
        case candidates.kind
            when 'enters' then members.contact_id is not null
            when 'exits' then members.contact_id is null
            else true
        end as still_matches
    from temp.candidates as candidates
    inner join temp.flows_now as flows on flows.flow = candidates.flow
    inner join temp.entry_rules as rules on rules.flow = candidates.flow
    left join segflow.contacts as contacts on contacts.contact_id = candidates.contact_id
    left join starts on starts.flow = candidates.flow and starts.contact_id = candidates.contact_id
    left join ends on ends.flow = candidates.flow and ends.contact_id = candidates.contact_id
    left join temp.positions as positions
        on positions.flow = candidates.flow and positions.contact_id = candidates.contact_id
    left join members
        on members.segment_key = candidates.segment_key and members.contact_id = candidates.contact_id
    left join holds on holds.subject_id = candidates.subject_id
    left join told_before on told_before.enrollment_id = candidates.enrollment_id
    where told_before.enrollment_id is null
),

-- The rules in their order; the first that applies is the reason.
judged as (
    select
        known.*,
        case
            when is_paused then 'paused'
            when not is_contact then case when offer is not null then 'not_a_contact' else 'gone' end
            when not matches then case when offer is not null then 'does_not_match' else 'no_longer_matches' end
            -- Whoever waits is judged again only when the time is over.
            when waited and ended_too_lately then 'wait'
            when is_filtered then 'filter'
            when meets_goal then 'goal_met'
            when ignore_reentry and not is_inside then 'enroll'
            when reentry = 'never' and enrollments > 0 then 'reentry_never'
            when is_inside then 'already_enrolled'
            when enrollments >= max_enrollments then 'max_enrollments'
            when reentry = 'after_entry' and entered_too_lately then 'reentry_after_entry'
            when reentry = 'after_exit' and ended_too_lately
                then case when may_wait then 'wait' else 'reentry_after_exit' end
            when waited and not still_matches then 'no_longer_matches'
            else 'enroll'
        end as verdict
    from known
)

select judged.*, row_number() over (
        partition by flow, contact_id, verdict
        order by ordinal, tick_id, happened_at nulls first, occasion, offer nulls first
    ) as turn
from judged
