-- Who was a member and does not match now: of evaluated segments, of removed ones, and contacts that are gone.
with leaving as (
    select members.*, judged.segment_key is null as is_deleted, gone.contact_id is not null as is_gone
    from temp.moved as moved
    inner join segflow.segment_members as members
        on members.segment_key = moved.segment_key and members.contact_id = moved.contact_id
    left join temp.judged as judged on judged.segment_key = moved.segment_key
    left join temp.gone as gone on gone.contact_id = moved.contact_id
    where not moved.matches and (judged.segment_key is null or gone.contact_id is not null or judged.evaluated)
),

-- Those whose values an import changed that said no to flows, since the segment was compared for the last time.
imported as (
    select distinct leaving.segment_key, leaving.contact_id
    from leaving
    inner join temp.judged as judged on judged.segment_key = leaving.segment_key
    inner join segflow.import_marks as marks on marks.contact_id = leaving.contact_id
    where judged.evaluated and (marks.tick_id = :tick_id or marks.tick_id > judged.last_evaluated)
),

caused as (
    select
        leaving.*,
        coalesce(judged.segment, leaving.segment) as judged_segment,
        coalesce(judged.segment_version, leaving.segment_version) as judged_version,
        judged.may_trigger,
        judged.old_rule,
        suppressed.contact_id is not null as is_suppressed,
        case
            when leaving.is_deleted then 'deleted'
            when leaving.is_gone then 'gone'
            when imported.contact_id is not null then 'import'
            when judged.old_rule = 'none' then 'data'
            when judged.old_rule = 'ran' and old_members.contact_id is null then 'data'
            else 'definition'
        end as cause
    from leaving
    left join temp.judged as judged on judged.segment_key = leaving.segment_key
    left join imported on imported.segment_key = leaving.segment_key and imported.contact_id = leaving.contact_id
    left join temp.old_members as old_members
        on old_members.segment_key = leaving.segment_key and old_members.contact_id = leaving.contact_id
    left join temp.suppressed as suppressed
        on suppressed.segment_key = leaving.segment_key and suppressed.contact_id = leaving.contact_id
)

select
    segment_key,
    judged_segment as segment,
    contact_id,
    :as_of as exited_at,
    entered_at,
    entry_number,
    cause,
    case cause
        when 'data' then true
        when 'definition' then may_trigger and old_rule in ('ran', 'released') and not is_suppressed
        else false
    end as triggers,
    judged_version as segment_version
from caused
