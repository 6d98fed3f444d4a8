-- What triggered the enrollments of this hop.
select positions.enrollment_id as subject_id, positions.contact_id, positions.trigger_segment as segment_key,
    positions.trigger_kind as kind, positions.crossing_tick, positions.trigger_data
from temp.positions as positions
inner join temp.due as due on due.enrollment_id = positions.enrollment_id
