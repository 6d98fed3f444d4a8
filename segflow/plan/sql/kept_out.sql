-- Whom flows would not let in because of their limits, other flows, their goal or their holdout. What `where` and
-- `reentry` keep out every day is left out.
select flow, split_part(detail, ' ', 1) as reason, count(*) as contacts
from segflow.flow_journal
where tick_id = :tick_id and action in ('dropped', 'withheld')
    and split_part(detail, ' ', 1)
    in ('max_enrollments', 'goal_met', 'not_while_in', 'not_within', 'group_full', 'withheld')
group by flow, split_part(detail, ' ', 1)
order by flow, reason
