-- How many enrollments each flow had and has, where those that go on stand, and why the others ended.
select starts.flow, positions.step, ends.reason, count(*) as contacts
from segflow.flow_enrollment_starts as starts
left join segflow.flow_positions as positions on positions.enrollment_id = starts.enrollment_id
left join segflow.flow_enrollment_ends as ends on ends.enrollment_id = starts.enrollment_id
where :flow is null or starts.flow = :flow
group by starts.flow, positions.step, ends.reason
