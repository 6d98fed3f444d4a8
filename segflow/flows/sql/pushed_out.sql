-- Enrollments that end before any step moves: the contact is gone, the flow is gone, or an edit of the segment that
-- enrolled it pushed the contact back over the border, a step of another flow says so, or a message failed that must not.
-- Each tick looks at its own crossings; only a flow that catches up has older ones to look at.
with failed as (
    select distinct positions.enrollment_id
    from temp.positions as positions
    inner join temp.steps as steps on steps.flow = positions.flow
    inner join temp.flows_now as flows on flows.flow = positions.flow
    inner join segflow.deliveries as deliveries
        on deliveries.message_id = row_hash(positions.enrollment_id, steps.step, positions.visit)
    where steps.ends_on_failure and steps.channel is not null
        and deliveries.outcome = 'failed' and deliveries.tick_id >= flows.consumed_to
),

pushed as (
    select positions.enrollment_id, exits.cause
    from temp.positions as positions
    inner join segflow.segment_exits as exits
        on exits.segment_key = positions.trigger_segment and exits.contact_id = positions.contact_id
    where positions.trigger_kind <> 'exits' and exits.tick_id >= :from_tick
        and exits.exited_at > positions.enrolled_at and exits.cause in ('definition', 'deleted')
    union all
    select positions.enrollment_id, entries.cause
    from temp.positions as positions
    inner join segflow.segment_entries as entries
        on entries.segment_key = positions.trigger_segment and entries.contact_id = positions.contact_id
    where positions.trigger_kind = 'exits' and entries.tick_id >= :from_tick
        and entries.entered_at > positions.enrolled_at and entries.cause = 'definition'
),

reasons as (
    select
        positions.enrollment_id,
        positions.flow,
        positions.contact_id,
        case
            when flows.flow is null then 'flow_removed'
            when flows.status = 'archived' then 'archived'
            when contacts.contact_id is null then 'gone'
            when calls.contact_id is not null then 'left'
            when failed.enrollment_id is not null then 'failed'
            when pushed.cause = 'deleted' then 'segment_deleted'
            when pushed.cause = 'definition' then 'definition'
        end as reason
    from temp.positions as positions
    left join temp.flows_now as flows on flows.flow = positions.flow
    left join segflow.contacts as contacts on contacts.contact_id = positions.contact_id
    left join failed on failed.enrollment_id = positions.enrollment_id
    left join (
        select flow, contact_id, max(at) as at from temp.calls where call = 'leave' group by flow, contact_id
    ) as calls
        on calls.flow = positions.flow and calls.contact_id = positions.contact_id
            and calls.at >= positions.enrolled_at
    left join (select enrollment_id, min(cause) as cause from pushed group by enrollment_id) as pushed
        on pushed.enrollment_id = positions.enrollment_id
)

select enrollment_id, flow, contact_id, :as_of as ended_at, reason from reasons where reason is not null
