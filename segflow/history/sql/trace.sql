-- All that the ledgers say of one contact, in the order in which it happened: within a tick, data and crossings come
-- before flows, and what became of messages after that.
with told as (
    select at, tick_id, 0 as turn, 0 as hop, 'contact' as kind, change as action, cast(null as varchar) as segment,
        cast(null as varchar) as flow, cast(null as varchar) as step, cast(null as varchar) as reason,
        cast(null as bigint) as entry_number, cast(null as boolean) as triggers,
        cast(null as varchar) as enrollment_id, cast(null as bigint) as visit, cast(null as varchar) as message_id,
        cast(null as varchar) as channel, cast(null as varchar) as sender
    from segflow.contact_changes
    where contact_id = :contact_id
    union all
    select "at", tick_id, 7, 1, 'contact', 'deleted', null, flow, step, null, null, null, enrollment_id, null, null,
        null, null
    from segflow.contact_deletions
    where contact_id = :contact_id
    union all
    select "at", tick_id, 0, -1, 'contact', 'restored', null, null, null, concat_ws(': ', decided_by, reason), null,
        null, null, null, null, null, null
    from segflow.contact_restores
    where contact_id = :contact_id
    union all
    select marked.at, marked.tick_id, 1, 0, 'import', 'changed', null, null, null, imports.file, null,
        imports.trigger_flows, null, null, null, null, null
    from (
        select distinct import_id, at, tick_id from segflow.contact_imports where contact_id = :contact_id
    ) as marked
    left join segflow.imports as imports on imports.import_id = marked.import_id
    union all
    select entered_at, tick_id, 2, 0, 'segment', 'entered', segment, null, null, cause, entry_number, triggers,
        null, null, null, null, null
    from segflow.segment_entries
    where contact_id = :contact_id
    union all
    select exited_at, tick_id, 2, 0, 'segment', 'exited', segment, null, null, cause, entry_number, triggers,
        null, null, null, null, null
    from segflow.segment_exits
    where contact_id = :contact_id
    union all
    select ticks.as_of, removals.tick_id, 3, 0, 'decision', 'removed', null, removals.flow, null,
        concat_ws(': ', removals.decided_by, removals.reason), null, null, null, null, null, null, null
    from segflow.flow_removals as removals
    inner join segflow.ticks as ticks on ticks.tick_id = removals.tick_id
    where removals.contact_id = :contact_id
    union all
    select ends.ended_at, ends.tick_id, case when ends.reason in ('completed', 'exit') then 8 else 4 end, 0, 'flow',
        'ended', null, ends.flow, null, ends.reason, null, null, ends.enrollment_id, null, null, null, null
    from segflow.flow_enrollment_ends as ends
    where ends.contact_id = :contact_id
    union all
    select converted_at, tick_id, 4, 0, 'flow', 'converted', null, flow, null,
        nullif(concat_ws(', ', case when withheld then 'withheld' end, case when not in_time then 'late' end), ''),
        null, null, enrollment_id, null, null, null, null
    from segflow.flow_conversions
    where contact_id = :contact_id
    union all
    select starts.enrolled_at, starts.tick_id, 5, 0, 'flow', 'enrolled', segments.segment, starts.flow, null,
        starts.trigger_kind, null, null, starts.enrollment_id, null, null, null, null
    from segflow.flow_enrollment_starts as starts
    left join segflow.segment_state as segments on segments.segment_key = starts.trigger_segment
    where starts.contact_id = :contact_id
    union all
    select at, tick_id, 6, coalesce(hop, 0), case when step is null then 'flow' else 'step' end, action, null, flow,
        step, detail, null, null, enrollment_id, visit, null, null, null
    from segflow.flow_journal
    where contact_id = :contact_id
    union all
    select planned_at, tick_id, 7, 0, 'message', 'planned', null, flow, step, null, null, null, enrollment_id, visit,
        message_id, channel, sender
    from segflow.outbox
    where contact_id = :contact_id
    union all
    select at, tick_id, 9, attempt, 'message', outcome, null, flow, step, reason, null, null, null, null, message_id,
        channel, sender
    from segflow.deliveries
    where contact_id = :contact_id
    union all
    select at, tick_id, 10, 0, 'message', kind, null, flow, step, null, null, null, null, null, message_id, channel,
        null
    from segflow.message_events
    where contact_id = :contact_id
)

select at, turn, hop, tick_id, kind, action, segment, flow, step, reason, entry_number, triggers, enrollment_id, visit,
    message_id, channel, sender
from told
