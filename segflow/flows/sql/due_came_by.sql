-- What triggered the enrollments of this hop.
select enrollment_id as subject_id, contact_id, trigger_segment as segment_key, trigger_kind as kind, crossing_tick,
    trigger_data
from temp.due
