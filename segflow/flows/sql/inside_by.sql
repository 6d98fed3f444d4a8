-- What the enrollments among the subjects of conditions were triggered by: those that stand somewhere, those that have
-- ended, and those who were withheld.
with came as (
    select enrollment_id, contact_id, trigger_segment, trigger_kind, crossing_tick, trigger_data from temp.positions
    union
    select enrollment_id, contact_id, trigger_segment, trigger_kind, crossing_tick, trigger_data
    from segflow.flow_enrollment_starts
    where tick_id <> :tick_id
    union
    select enrollment_id, contact_id, trigger_segment, trigger_kind, crossing_tick, trigger_data
    from segflow.flow_withheld
    where tick_id <> :tick_id
)

select came.enrollment_id as subject_id, came.contact_id, came.trigger_segment as segment_key,
    came.trigger_kind as kind, came.crossing_tick, came.trigger_data
from came
where came.enrollment_id in (select subject_id from temp.subjects)
