-- The shape of ends, without rows.
select enrollment_id, flow, contact_id, since as ended_at, cast(null as varchar) as reason
from segflow.flow_positions
where false
