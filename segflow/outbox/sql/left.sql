-- Enrollments whose messages must not go out any more, and why, since a tick: all of an enrollment that was cut short or
-- whose contact is gone or was deleted; those of earlier visits where it started again; all of a flow that is paused (no enrollment).
select flow, enrollment_id, cast(null as bigint) as before_visit, reason
from segflow.flow_enrollment_ends
where tick_id >= :since and reason not in ('completed', 'exit')
union all
select flow, enrollment_id, visit as before_visit, 'restarted' as reason
from segflow.flow_journal
where tick_id >= :since and action = 'restarted'
union all
select starts.flow, starts.enrollment_id, cast(null as bigint) as before_visit, 'gone' as reason
from segflow.contact_changes as changes
inner join segflow.flow_enrollment_starts as starts on starts.contact_id = changes.contact_id
where changes.tick_id >= :since and changes.change = 'gone'
union all
-- Also what an enrollment planned that came to its own end.
select starts.flow, starts.enrollment_id, cast(null as bigint) as before_visit, 'deleted' as reason
from segflow.contact_deletions as deletions
inner join segflow.flow_enrollment_starts as starts on starts.contact_id = deletions.contact_id
where deletions.tick_id >= :since
union all
select flow, cast(null as varchar) as enrollment_id, cast(null as bigint) as before_visit, 'paused' as reason
from segflow.flow_cursors
where tick_id = :tick_id and status = 'paused'
order by flow, enrollment_id, before_visit nulls first, reason
