-- Journal rows of the crossings that wait no longer: a person has removed the contact, or the flow takes in no one.
select
    waiting.flow,
    cast(null as varchar) as enrollment_id,
    waiting.contact_id,
    cast(null as varchar) as step,
    cast(null as bigint) as visit,
    'dropped' as action,
    concat(
        case when removed.contact_id is not null then 'removed' else 'archived' end,
        ' (', waiting.trigger_kind, ' ', coalesce(names.segment, waiting.trigger_segment), ')'
    ) as detail,
    cast(null as bigint) as hop,
    :as_of as at
from temp.waiting as waiting
inner join temp.flows_now as flows on flows.flow = waiting.flow
left join (select distinct flow, contact_id from temp.removed) as removed
    on removed.flow = waiting.flow and removed.contact_id = waiting.contact_id
left join temp.segment_names as names on names.segment_key = waiting.trigger_segment
where removed.contact_id is not null or flows.status = 'archived' or flows.drains
