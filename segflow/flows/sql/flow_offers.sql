-- What was offered to flows in this tick, and how many contacts: an offer that finds nobody, or its flow switched off,
-- is done, too. That of a held flow waits.
select asked.id, asked.flow, asked.offer, asked.segment, asked.ignore_reentry,
    count(offers.contact_id) filter (where flows.status in ('active', 'paused')) as contacts,
    asked.reason, asked.decided_by, asked.decided_at, cast(null as bigint) as left_over, cast(null as varchar) as up_to
from temp.asked as asked
left join temp.flows_now as flows on flows.flow = asked.flow
left join temp.offers as offers on offers.id = asked.id
where coalesce(flows.status, 'removed') <> 'held'
group by asked.id, asked.flow, asked.offer, asked.segment, asked.ignore_reentry, asked.reason, asked.decided_by,
    asked.decided_at
