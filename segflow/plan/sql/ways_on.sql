-- Where those go that stood somewhere before the tick: to a step, or to the end of their enrollment.
select stood.flow, stood.step, coalesce(positions.step, concat('ended ', ends.reason)) as place, count(*) as contacts
from temp.stood_before as stood
left join segflow.flow_positions as positions on positions.enrollment_id = stood.enrollment_id
left join segflow.flow_enrollment_ends as ends
    on ends.enrollment_id = stood.enrollment_id and ends.tick_id = :tick_id
group by stood.flow, stood.step, coalesce(positions.step, concat('ended ', ends.reason))
order by stood.flow, stood.step, contacts desc, place
