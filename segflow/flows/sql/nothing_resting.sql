select * from segflow.flow_restart_state where false
