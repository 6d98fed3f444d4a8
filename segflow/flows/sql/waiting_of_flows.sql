-- Crossings that wait, less those of flows that are gone or take in no one, and of contacts that a person removed.
select waiting.*
from temp.waiting as waiting
inner join temp.flows_now as flows on flows.flow = waiting.flow
left join (select distinct flow, contact_id from temp.removed) as removed
    on removed.flow = waiting.flow and removed.contact_id = waiting.contact_id
where removed.contact_id is null and flows.status <> 'archived' and not flows.drains
