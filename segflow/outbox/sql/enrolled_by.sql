-- What triggered the enrollments of a batch of messages.
select enrollment_id as subject_id, contact_id, trigger_segment as segment_key, trigger_kind as kind, crossing_tick,
    trigger_data
from segflow.flow_enrollment_starts
where enrollment_id in (select enrollment_id from temp.send_batch)
