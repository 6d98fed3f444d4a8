-- What became of the messages of each flow lately: how many attempts, how many of them failed, and the last few.
with recent as (
    select
        flow, step, channel, sender, outcome, reason, at,
        row_number() over (partition by flow order by at desc, message_id, attempt desc) as place,
        count(*) over (partition by flow) as attempts,
        sum(case when outcome = 'failed' then 1 else 0 end) over (partition by flow) as failed
    from segflow.deliveries
    where tick_id <= :tick_id and at > :since and outcome in ('sent', 'delivered', 'skipped', 'failed', 'unknown')
)

select flow, step, channel, sender, outcome, reason, at, attempts, failed
from recent
where place <= :most
order by flow, place
