-- How many contacts would cross which border, and why.
select segment_key, kind, cause, count(*) as contacts, count(*) filter (where triggers) as triggering
from (
    select 'entries' as kind, segment_key, cause, triggers from segflow.segment_entries where tick_id = :tick_id
    union all
    select 'exits' as kind, segment_key, cause, triggers from segflow.segment_exits where tick_id = :tick_id
) as crossings
group by segment_key, kind, cause
