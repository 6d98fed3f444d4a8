-- Enrollments whose step is gone with nothing after it.
select positions.enrollment_id, positions.flow, positions.contact_id, :as_of as ended_at, 'step_removed' as reason
from temp.positions as positions
inner join temp.moves as moves on moves.flow = positions.flow and moves.step = positions.step
where moves.next_step is null
