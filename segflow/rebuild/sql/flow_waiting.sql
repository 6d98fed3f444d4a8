-- Crossings that wait: of each flow and contact the last that was told to, unless that is over.
with ranked as (
    select flow_waits.*, row_number() over (partition by flow, contact_id order by tick_id desc) as newest
    from segflow.flow_waits
)

select flow, contact_id, trigger_segment, trigger_kind, crossing_tick, occasion, trigger_data from ranked where newest = 1 and change = 'waits'
