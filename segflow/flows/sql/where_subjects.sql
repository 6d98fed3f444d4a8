-- Candidates of flows that have a filter.
select candidates.subject_id, candidates.contact_id, candidates.enrolled_at, 1 as visit,
    candidates.flow || '/where' as condition
from temp.candidates as candidates
inner join temp.flows_now as flows on flows.flow = candidates.flow
where flows.has_where and flows.status = 'active'
