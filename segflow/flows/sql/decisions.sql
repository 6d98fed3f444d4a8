-- What becomes of each candidate: enroll, wait, or a reason to drop it.
with starts as (
    select flow, contact_id, max(enrolled_at) as enrolled_at
    from (
        select flow, contact_id, enrolled_at from segflow.flow_enrollment_starts where tick_id <> :tick_id
        union all
        select flow, contact_id, enrolled_at from temp.started
    ) as all_starts
    group by flow, contact_id
),

ends as (
    select flow, contact_id, max(ended_at) as ended_at
    from (
        select flow, contact_id, ended_at from segflow.flow_enrollment_ends where tick_id <> :tick_id
        union all
        select flow, contact_id, ended_at from temp.ended
    ) as all_ends
    group by flow, contact_id
)

select
    candidates.*,
    case
        when flows.status = 'paused' then 'paused'
        when flows.has_where and filtered.subject_id is null then 'filter'
        when flows.reentry = 'never' and starts.contact_id is not null then 'reentry_never'
        when positions.contact_id is not null or candidates.turn > 1 then 'already_enrolled'
        when flows.reentry = 'after_entry' and starts.enrolled_at > flows.reentry_bound then 'reentry_after_entry'
        when flows.reentry = 'after_exit' and ends.ended_at > flows.reentry_bound then 'wait'
        when candidates.waited and candidates.kind = 'enters' and members.contact_id is null then 'no_longer_matches'
        when candidates.waited and candidates.kind = 'exits' and members.contact_id is not null then 'no_longer_matches'
        else 'enroll'
    end as decision
from temp.candidates as candidates
inner join temp.flows_now as flows on flows.flow = candidates.flow
left join starts on starts.flow = candidates.flow and starts.contact_id = candidates.contact_id
left join ends on ends.flow = candidates.flow and ends.contact_id = candidates.contact_id
left join temp.positions as positions
    on positions.flow = candidates.flow and positions.contact_id = candidates.contact_id
left join segflow.segment_members as members
    on members.segment = candidates.segment and members.contact_id = candidates.contact_id
left join temp.answers as filtered on filtered.subject_id = candidates.subject_id
