-- Who wants into a flow: the crossings of one tick, and with the last of them those that were told to wait and those
-- that are offered without a crossing.
with crossings as (
    select 'enters' as kind, segment_key, contact_id, tick_id, triggers from segflow.segment_entries
    union all
    select 'exits' as kind, segment_key, contact_id, tick_id, triggers from segflow.segment_exits
),

fresh as (
    select edges.flow, crossings.contact_id, edges.segment_key, edges.kind, edges.ordinal, crossings.tick_id,
        false as waited, cast(null as varchar) as offer, true as matches, false as ignore_reentry
    from temp.edges as edges
    inner join temp.flows_now as flows on flows.flow = edges.flow
    inner join crossings on crossings.kind = edges.kind and crossings.segment_key = edges.segment_key
    where crossings.triggers and crossings.tick_id = :crossing_tick and crossings.tick_id > flows.consumed_to
        and flows.status in ('active', 'paused')
),

waited as (
    select waiting.flow, waiting.contact_id, waiting.trigger_segment as segment_key, waiting.trigger_kind as kind,
        -1 as ordinal, waiting.crossing_tick as tick_id, true as waited, cast(null as varchar) as offer,
        true as matches, false as ignore_reentry
    from temp.waiting as waiting
    inner join temp.flows_now as flows on flows.flow = waiting.flow
    where flows.status = 'active' and :with_waiting
),

-- Whoever crosses in this tick is there already, unless the offer may do more than the crossing.
by_offer as (
    select offers.flow, offers.contact_id, offers.segment_key, offers.kind, offers.ordinal,
        :crossing_tick as tick_id, false as waited, offers.offer, offers.matches, offers.ignore_reentry
    from temp.offers as offers
    inner join temp.flows_now as flows on flows.flow = offers.flow
    left join (select distinct flow, contact_id from fresh) as crossed
        on crossed.flow = offers.flow and crossed.contact_id = offers.contact_id
    where flows.status in ('active', 'paused') and :with_waiting
        and (crossed.contact_id is null or offers.ignore_reentry)
),

offered as (
    select * from fresh
    union all
    select * from waited
    union all
    select * from by_offer
)

-- A contact can be offered twice with the same trigger: by a new crossing and by one that waits. The tick, and the
-- offer, tell them apart, or both would get the answers of both.
select
    offered.*,
    case when offered.waited then :as_of else :crossed_at end as enrolled_at,
    concat_ws(
        '|', offered.flow, offered.contact_id, offered.kind, offered.segment_key, offered.tick_id, offered.offer
    ) as subject_id,
    row_hash(offered.flow, offered.contact_id, offered.tick_id) as enrollment_id
from offered
