-- How many contacts stand at each step.
select flow, step, count(*) as contacts from segflow.flow_positions group by flow, step order by flow, step
