-- What a tick did to each flow.
with enrolled as (
    select flow, count(*) as contacts from segflow.flow_enrollment_starts where tick_id = :tick_id group by flow
),

ended as (
    select flow, count(*) as contacts from segflow.flow_enrollment_ends where tick_id = :tick_id group by flow
),

active as (
    select flow, count(*) as contacts from segflow.flow_positions group by flow
),

planned as (
    select flow, count(*) as messages from segflow.outbox where tick_id = :tick_id group by flow
),

restarted as (
    select flow, count(*) as contacts
    from segflow.flow_journal
    where tick_id = :tick_id and action = 'restarted'
    group by flow
),

converted as (
    select flow, count(*) as contacts
    from segflow.flow_conversions
    where tick_id = :tick_id and not withheld and in_time
    group by flow
),

withheld as (
    select flow, count(*) as contacts from segflow.flow_withheld where tick_id = :tick_id group by flow
)

select
    states.flow,
    states.status,
    states.reason,
    coalesce(enrolled.contacts, 0) as enrolled,
    coalesce(active.contacts, 0) as active,
    coalesce(ended.contacts, 0) as ended,
    coalesce(planned.messages, 0) as planned,
    coalesce(restarted.contacts, 0) as restarted,
    coalesce(converted.contacts, 0) as converted,
    coalesce(withheld.contacts, 0) as withheld
from segflow.flow_cursors as states
left join enrolled on enrolled.flow = states.flow
left join ended on ended.flow = states.flow
left join active on active.flow = states.flow
left join planned on planned.flow = states.flow
left join restarted on restarted.flow = states.flow
left join converted on converted.flow = states.flow
left join withheld on withheld.flow = states.flow
where states.tick_id = :tick_id
order by states.flow
