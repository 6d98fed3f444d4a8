-- Steps that enrollments of reordered flows took already on this visit: an edit may have put them in the way again.
select distinct journal.enrollment_id, journal.step
from segflow.flow_journal as journal
inner join temp.positions as positions on positions.enrollment_id = journal.enrollment_id
inner join temp.reordered as reordered on reordered.flow = positions.flow
where journal.step is not null and journal.visit = positions.visit and journal.tick_id <> :tick_id
