-- One journal row per start again.
select flow, enrollment_id, contact_id, cast(null as varchar) as step, visit, 'restarted' as action, place as detail,
    cast(null as bigint) as hop, :as_of as at
from temp.restarted
