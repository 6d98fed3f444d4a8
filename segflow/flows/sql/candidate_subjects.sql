-- Candidates and what their flows ask of them.
select candidates.subject_id, candidates.contact_id, candidates.enrolled_at, 1 as visit, conditions.condition
from temp.candidates as candidates
inner join temp.candidate_conditions as conditions on conditions.flow = candidates.flow
