-- Of the ids in `ids`: how many there are, and how many of them a contact has as they are written.
select count(distinct ids.id) as seen, count(distinct contacts.contact_id) as known
from ids
left join segflow.contacts as contacts on contacts.contact_id = ids.id
