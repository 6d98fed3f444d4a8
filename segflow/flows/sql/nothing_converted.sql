select enrollment_id, flow, contact_id, enrolled_at, converted_at, withheld, in_time from segflow.flow_conversions where false
