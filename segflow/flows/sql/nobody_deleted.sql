-- The form of `deleting`, without a row.
select contact_id, flow, step, enrollment_id from segflow.contact_deletions where false
