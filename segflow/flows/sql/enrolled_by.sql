-- What the enrollments among the subjects of conditions were triggered by.
select positions.enrollment_id as subject_id, positions.contact_id, positions.trigger_segment as segment_key,
    positions.trigger_kind as kind, positions.crossing_tick, positions.trigger_data
from temp.positions as positions
where positions.enrollment_id in (select subject_id from temp.subjects)
