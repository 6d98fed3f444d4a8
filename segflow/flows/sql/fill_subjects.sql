-- The steps of this hop whose texts are filled for each contact. No attribute begins with an underscore.
select due.enrollment_id as _enrollment_id, due.flow as _flow, due.flow_version as _flow_version, due.step as _step,
    due.visit as _visit, due.contact_id as _contact_id, due.enrolled_at as _enrolled_at,
    coalesce(names.segment, due.trigger_segment) as _trigger_segment
from temp.due as due
inner join temp.fill_steps as steps on steps.flow = due.flow and steps.step = due.step
left join temp.segment_names as names on names.segment_key = due.trigger_segment
where due.action <> 'skipped'
