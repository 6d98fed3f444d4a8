-- The messages planned in this tick; the id is the same however often the tick is run.
select
    md5(concat_ws('|', enrollment_id, step, visit)) as message_id,
    enrollment_id, flow, flow_version, step, visit, contact_id, channel, sender, content, trigger_segment, enrolled_at,
    :as_of as planned_at
from temp.taken
where channel is not null
