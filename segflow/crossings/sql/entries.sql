-- Who matches now and was no member. `judged` holds one row per segment that was evaluated in this tick.
with entering as (
    select moved.segment_key, judged.segment, moved.contact_id
    from temp.moved as moved
    inner join temp.judged as judged on judged.segment_key = moved.segment_key
    where moved.matches and judged.evaluated
),

before as (
    select entries.segment_key, entries.contact_id, max(entries.entry_number) as entry_number
    from segflow.segment_entries as entries
    inner join entering
        on entering.segment_key = entries.segment_key and entering.contact_id = entries.contact_id
    where entries.tick_id <> :tick_id
    group by entries.segment_key, entries.contact_id
),

-- Those who returned while a segment was stale or held, since it was compared for the last time.
returned_late as (
    select distinct judged.segment_key, changes.contact_id
    from temp.judged as judged
    inner join segflow.contact_changes as changes on changes.tick_id > judged.last_evaluated
    where judged.evaluated and changes.change = 'returned'
),

-- Those whose values an import changed that said no to flows, since the segment was compared for the last time.
imported as (
    select distinct entering.segment_key, entering.contact_id
    from entering
    inner join temp.judged as judged on judged.segment_key = entering.segment_key
    inner join segflow.import_marks as marks on marks.contact_id = entering.contact_id
    where judged.evaluated and (marks.tick_id = :tick_id or marks.tick_id > judged.last_evaluated)
),

caused as (
    select
        entering.segment_key,
        entering.segment,
        entering.contact_id,
        coalesce(before.entry_number, 0) + 1 as entry_number,
        judged.segment_version,
        judged.on_create,
        judged.may_trigger,
        judged.old_rule,
        suppressed.contact_id is not null as is_suppressed,
        case
            when returned.contact_id is not null or returned_late.contact_id is not null then 'returned'
            when judged.is_new then 'baseline'
            when imported.contact_id is not null then 'import'
            when judged.old_rule = 'none' then 'data'
            when old_members.contact_id is not null then 'data'
            else 'definition'
        end as cause
    from entering
    inner join temp.judged as judged on judged.segment_key = entering.segment_key
    left join before on before.segment_key = entering.segment_key and before.contact_id = entering.contact_id
    left join temp.returned as returned on returned.contact_id = entering.contact_id
    left join returned_late
        on returned_late.segment_key = entering.segment_key and returned_late.contact_id = entering.contact_id
    left join imported
        on imported.segment_key = entering.segment_key and imported.contact_id = entering.contact_id
    left join temp.old_members as old_members
        on old_members.segment_key = entering.segment_key and old_members.contact_id = entering.contact_id
    left join temp.suppressed as suppressed
        on suppressed.segment_key = entering.segment_key and suppressed.contact_id = entering.contact_id
)

select
    segment_key,
    segment,
    contact_id,
    :as_of as entered_at,
    entry_number,
    cause,
    case cause
        when 'data' then true
        when 'baseline' then on_create = 'trigger'
        when 'definition' then may_trigger and old_rule in ('ran', 'released') and not is_suppressed
        else false
    end as triggers,
    segment_version
from caused
