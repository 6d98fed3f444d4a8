-- Of the ids in `ids_seen`: those that no contact has as they are written, and what is left of them without the way of
-- writing.
select ids.id, plain_id(ids.id) as plain
from temp.ids_seen as ids
left join segflow.contacts as contacts on contacts.contact_id = ids.id
where contacts.contact_id is null
