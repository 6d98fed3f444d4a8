-- One row per segment and tick; a removed segment has its last one when it goes.
with entered as (
    select segment_key, count(*) as contacts from temp.entries group by segment_key
),

exited as (
    select segment_key, any_value(segment) as segment, count(*) as contacts from temp.exits group by segment_key
),

sized as (
    select segment_key, count(*) as contacts from segflow.segment_members group by segment_key
)

select
    coalesce(judged.segment_key, exited.segment_key) as segment_key,
    coalesce(judged.segment, exited.segment) as segment,
    :as_of as as_of,
    coalesce(sized.contacts, 0) as members,
    coalesce(entered.contacts, 0) as entered,
    coalesce(exited.contacts, 0) as exited,
    coalesce(judged.status, 'deleted') as status,
    judged.reason,
    judged.segment_version,
    -- What the file said when members followed it last: `plan` tells whether it was there before an edit.
    case when judged.evaluated then judged.on_change else judged.on_change_before end as on_change
from temp.judged as judged
full outer join exited on exited.segment_key = judged.segment_key
left join entered on entered.segment_key = judged.segment_key
left join sized on sized.segment_key = coalesce(judged.segment_key, exited.segment_key)
