-- What the steps of this tick changed about contacts.
select taken.contact_id, updates.kind, updates.name, updates.value, taken.enrollment_id, taken.flow, taken.step,
    taken.hop, :as_of as at
from temp.taken as taken
inner join temp.updates as updates on updates.flow = taken.flow and updates.step = taken.step
where taken.action <> 'skipped'
