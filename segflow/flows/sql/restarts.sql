-- One journal row per start again.
select flow, enrollment_id, contact_id, null as step, visit, 'restarted' as action, place as detail, null as hop,
    :as_of as at
from temp.restarted
