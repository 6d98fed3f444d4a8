select enrollment_id, flow, contact_id, withheld_at, trigger_segment, trigger_kind, crossing_tick, trigger_data from segflow.flow_withheld
where false
