-- Who stands where before the tick.
select enrollment_id, flow, step from segflow.flow_positions
