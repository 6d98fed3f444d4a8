select enrollment_id, flow, contact_id, visit, cast(null as varchar) as place from segflow.flow_positions where false
