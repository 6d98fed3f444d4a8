-- What the candidates among the subjects of conditions are triggered by.
select candidates.subject_id, candidates.contact_id, candidates.segment_key, candidates.kind,
    candidates.tick_id as crossing_tick, candidates.trigger_data
from temp.candidates as candidates
where candidates.subject_id in (select subject_id from temp.subjects)
