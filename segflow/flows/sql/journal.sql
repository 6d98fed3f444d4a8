-- One row per step taken in this tick, and one per start again.
select flow, enrollment_id, contact_id, step, visit, action, detail, hop, :as_of as at from temp.taken
union all
select flow, enrollment_id, contact_id, null as step, visit, 'restarted' as action, place as detail, null as hop,
    :as_of as at
from temp.restarted
