-- The positions with steps that are gone replaced by the next one that is still there.
select positions.enrollment_id, positions.flow, positions.flow_version, positions.contact_id,
    case when moves.step is null then positions.step else moves.next_step end as step,
    positions.visit,
    case when moves.step is null then positions.since else :as_of end as since,
    positions.enrolled_at, positions.trigger_segment, positions.trigger_kind, positions.crossing_tick, positions.trigger_data
from temp.positions as positions
left join temp.moves as moves on moves.flow = positions.flow and moves.step = positions.step
where moves.step is null or moves.next_step is not null
