-- Journal rows of those that were not let in, each with the reason; a crossing is told to wait only once, and a contact is
-- withheld only once.
select
    decisions.flow,
    cast(null as varchar) as enrollment_id,
    decisions.contact_id,
    cast(null as varchar) as step,
    cast(null as bigint) as visit,
    case
        when decisions.decision = 'wait' then 'waiting'
        when decisions.decision = 'withheld' and not decisions.is_repeated then 'withheld'
        else 'dropped'
    end as action,
    concat(
        case when decisions.decision = 'wait' then 'reentry_after_exit' else decisions.decision end,
        ' (', concat_ws(' ', coalesce(decisions.offer, decisions.kind), coalesce(names.segment, decisions.segment_key)), ')'
    ) as detail,
    cast(null as bigint) as hop,
    :as_of as at
from temp.decisions as decisions
left join temp.segment_names as names on names.segment_key = decisions.segment_key
where decisions.decision <> 'enroll' and not (decisions.decision = 'wait' and decisions.waited)
