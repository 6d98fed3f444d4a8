-- Since when the event triggers of each flow count, and what they were then.
with ranked as (
    select flow, fingerprint, since, row_number() over (partition by flow order by tick_id desc) as newest
    from segflow.flow_event_triggers
    where tick_id <> :tick_id
)

select flow, fingerprint, since from ranked where newest = 1
