-- The moment that the tick before looked at.
select as_of from segflow.ticks where tick_id < :tick_id order by tick_id desc limit 1
