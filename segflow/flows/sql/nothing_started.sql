select * from segflow.flow_positions where false
