-- The enrollments of earlier ticks that would end, and why.
select ends.flow, ends.reason, count(*) as contacts
from segflow.flow_enrollment_ends as ends
inner join segflow.flow_enrollment_starts as starts on starts.enrollment_id = ends.enrollment_id
where ends.tick_id = :tick_id and starts.tick_id <> :tick_id
group by ends.flow, ends.reason
order by ends.flow, ends.reason
