-- The messages that each step would send.
select flow, step, count(*) as messages from segflow.outbox where tick_id = :tick_id group by flow, step order by flow, step
