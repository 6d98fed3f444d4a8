-- The shape of what conditions are asked about, without rows.
select enrollment_id as subject_id, contact_id, enrolled_at, visit, cast(null as varchar) as condition
from segflow.flow_positions
where false
