-- The crossings that want into a flow: those of one tick, and with the last of them those that were told to wait.
with crossings as (
    select 'enters' as kind, segment, contact_id, tick_id, triggers from segflow.segment_entries
    union all
    select 'exits' as kind, segment, contact_id, tick_id, triggers from segflow.segment_exits
),

fresh as (
    select edges.flow, crossings.contact_id, edges.segment, edges.kind, edges.ordinal, crossings.tick_id, false as waited
    from temp.edges as edges
    inner join temp.flows_now as flows on flows.flow = edges.flow
    inner join crossings on crossings.kind = edges.kind and crossings.segment = edges.segment
    where crossings.triggers and crossings.tick_id = :crossing_tick and crossings.tick_id > flows.consumed_to
        and flows.status in ('active', 'paused')
),

waited as (
    select waiting.flow, waiting.contact_id, waiting.trigger_segment as segment, waiting.trigger_kind as kind,
        -1 as ordinal, waiting.crossing_tick as tick_id, true as waited
    from temp.waiting as waiting
    inner join temp.flows_now as flows on flows.flow = waiting.flow
    where flows.status = 'active' and :with_waiting
),

offered as (
    select * from fresh
    union all
    select * from waited
)

-- A contact can be offered twice with the same trigger: by a new crossing and by one that waits. The tick tells them
-- apart, or both would get the answers of both.
select
    offered.*,
    case when offered.waited then :as_of else :crossed_at end as enrolled_at,
    concat_ws('|', offered.flow, offered.contact_id, offered.kind, offered.segment, offered.tick_id) as subject_id,
    md5(concat_ws('|', offered.flow, offered.contact_id, offered.tick_id)) as enrollment_id
from offered
