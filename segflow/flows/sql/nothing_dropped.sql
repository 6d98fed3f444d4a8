select flow, enrollment_id, contact_id, step, visit, action, detail, hop, at from segflow.flow_journal where false
