-- Crossings that wait until their re-entry rule lets them in; one per flow and contact, the latest.
with kept as (
    select flow, contact_id, segment_key as trigger_segment, kind as trigger_kind, tick_id as crossing_tick,
        -- Null for crossings, whose occasion is their tick.
        nullif(occasion, tick_id) as occasion, trigger_data
    from temp.decisions
    where decision = 'wait'
    union all
    select waiting.flow, waiting.contact_id, waiting.trigger_segment, waiting.trigger_kind, waiting.crossing_tick,
        waiting.occasion, waiting.trigger_data
    from temp.waiting as waiting
    inner join temp.flows_now as flows on flows.flow = waiting.flow
    where flows.status <> 'active' or not :with_waiting
),

ranked as (
    select kept.*, row_number() over (partition by flow, contact_id order by crossing_tick desc, trigger_segment, occasion) as turn
    from kept
)

select flow, contact_id, trigger_segment, trigger_kind, crossing_tick, occasion, trigger_data from ranked where turn = 1
