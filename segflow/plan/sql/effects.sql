-- The steps that would make tasks or give codes away, those that would delete contacts, and those that would fail.
with done as (
    select flow, step, contact_id from segflow.tasks where tick_id = :tick_id
    union
    select flow, step, contact_id from segflow.coupon_claims where tick_id = :tick_id
)

select 'done' as what, flow, step, count(*) as contacts from done group by flow, step
union all
select 'deleted' as what, flow, step, count(*) as contacts
from segflow.contact_deletions
where tick_id = :tick_id
group by flow, step
union all
select 'failed' as what, flow, step, count(*) as contacts
from segflow.flow_journal
where tick_id = :tick_id and action = 'failed'
group by flow, step
order by flow, what, step
