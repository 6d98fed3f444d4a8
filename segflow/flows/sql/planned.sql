-- How many messages each flow would plan in this tick, and for how many contacts.
select flow, count(*) as messages, count(distinct contact_id) as contacts
from temp.taken
where channel is not null
group by flow
