-- The codes that steps of this hop ask for; a claim's id is the same however often the tick is run.
select row_hash(due.enrollment_id, due.step, due.visit) as claim_id, steps.pool, due.enrollment_id, due.flow, due.step,
    due.visit, due.contact_id
from temp.due as due
inner join temp.coupon_steps as steps on steps.flow = due.flow and steps.step = due.step
where due.action <> 'skipped'
