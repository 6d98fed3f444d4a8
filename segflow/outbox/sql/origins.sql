-- How enrollments, or those that want to be enrolled, came in: the crossing that did it, or for those that were offered
-- without one the last crossing of that kind before.
with crossings as (
    select 'enters' as kind, segment_key, contact_id, tick_id, cause, entry_number from segflow.segment_entries
    union all
    select 'exits' as kind, segment_key, contact_id, tick_id, cause, entry_number from segflow.segment_exits
),

ranked as (
    select
        asked.subject_id, asked.trigger_data, asked.kind, coalesce(segments.segment, asked.segment_key) as segment,
        crossings.cause, crossings.entry_number,
        row_number() over (partition by asked.subject_id order by crossings.tick_id desc nulls last) as newest
    from temp.came_by as asked
    left join segflow.segment_state as segments on segments.segment_key = asked.segment_key
    left join crossings
        on crossings.kind = asked.kind and crossings.segment_key = asked.segment_key
        and crossings.contact_id = asked.contact_id and crossings.tick_id <= asked.crossing_tick
)

select subject_id, trigger_data, kind, segment, cause, entry_number from ranked where newest = 1
