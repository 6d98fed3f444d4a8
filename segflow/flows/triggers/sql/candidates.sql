-- Who wants into a flow: those that the triggers bring in one tick, and with the last of them those that were told to
-- wait and those that are offered without a trigger.
with fresh as (
    -- The queries of all kinds of trigger are put here.
    select * from nobody
),

waited as (
    select waiting.flow, waiting.contact_id, waiting.trigger_segment as segment_key, waiting.trigger_kind as kind,
        -1 as ordinal, coalesce(waiting.occasion, waiting.crossing_tick) as occasion,
        cast(null as timestamp) as happened_at, waiting.trigger_data, true as matches, true as may_wait,
        waiting.crossing_tick as tick_id
    from temp.waiting as waiting
    inner join temp.flows_now as flows on flows.flow = waiting.flow
    where flows.status = 'active' and :with_waiting
),

-- Whoever a trigger brings in this tick is there already, unless the offer may do more.
by_offer as (
    select offers.*
    from temp.offers as offers
    inner join temp.flows_now as flows on flows.flow = offers.flow
    left join (select distinct flow, contact_id from fresh where matches) as crossed
        on crossed.flow = offers.flow and crossed.contact_id = offers.contact_id
    where flows.status in ('active', 'paused') and :with_waiting
        and (crossed.contact_id is null or offers.ignore_reentry)
),

offered as (
    select flow, contact_id, segment_key, kind, ordinal, occasion, happened_at, trigger_data, matches, may_wait,
        :crossing_tick as tick_id, false as waited, cast(null as varchar) as offer, false as ignore_reentry
    from fresh
    union all
    select flow, contact_id, segment_key, kind, ordinal, occasion, happened_at, trigger_data, matches, may_wait,
        tick_id, true as waited, cast(null as varchar) as offer, false as ignore_reentry
    from waited
    union all
    select flow, contact_id, segment_key, kind, ordinal, :crossing_tick as occasion,
        cast(null as timestamp) as happened_at, trigger_data, matches, true as may_wait,
        :crossing_tick as tick_id, false as waited, offer, ignore_reentry
    from by_offer
)

-- A contact can be offered twice with the same trigger: by a new crossing and by one that waits. The tick, the occasion
-- and the offer tell them apart, or both would get the answers of both.
select
    offered.*,
    case when offered.waited then :as_of else :crossed_at end as enrolled_at,
    concat_ws(
        '|', offered.flow, offered.contact_id, offered.kind, offered.segment_key, offered.tick_id, offered.occasion,
        offered.offer
    ) as subject_id,
    row_hash(offered.flow, offered.contact_id, offered.occasion) as enrollment_id
from offered
