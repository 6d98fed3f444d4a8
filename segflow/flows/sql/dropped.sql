-- Journal rows of the crossings that were not let in, each with the reason; a crossing is told to wait only once.
select
    flow,
    null as enrollment_id,
    contact_id,
    null as step,
    null as visit,
    case when decision = 'wait' then 'waiting' else 'dropped' end as action,
    concat(case when decision = 'wait' then 'reentry_after_exit' else decision end, ' (', kind, ' ', segment, ')') as detail,
    null as hop,
    :as_of as at
from temp.decisions
where decision <> 'enroll' and not (decision = 'wait' and waited)
