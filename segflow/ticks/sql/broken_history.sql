-- Ticks that come after one which is not there, and ticks of an earlier version, which did not count their rows.
select ticks.tick_id, ticks.previous_tick is not null and before.tick_id is null as alone,
    ticks.status = 'done' and ticks.ledger_rows is null as uncounted
from segflow.ticks as ticks
left join segflow.ticks as before on before.tick_id = ticks.previous_tick
where (ticks.previous_tick is not null and before.tick_id is null) or (ticks.status = 'done' and ticks.ledger_rows is null)
order by ticks.tick_id
