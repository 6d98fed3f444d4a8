-- What the steps of this tick changed about contacts.
select taken.contact_id, updates.kind, updates.name,
    case when updates.how = 'fill' then filled.value else updates.value end as value,
    taken.enrollment_id, taken.flow, taken.step, taken.hop, :as_of as at
from temp.taken as taken
inner join temp.updates as updates on updates.flow = taken.flow and updates.step = taken.step
left join temp.filled as filled
    on updates.how = 'fill' and filled.enrollment_id = taken.enrollment_id and filled.step = taken.step
        and filled.visit = taken.visit and filled.part = updates.name
where taken.action not in ('skipped', 'failed')
