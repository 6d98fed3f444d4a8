-- The crossings and offers that flows would not let in, and why.
select flow, split_part(detail, ' ', 1) as reason, count(*) as contacts
from segflow.flow_journal
where tick_id = :tick_id and action in ('dropped', 'waiting', 'withheld')
group by flow, split_part(detail, ' ', 1)
order by flow, reason
