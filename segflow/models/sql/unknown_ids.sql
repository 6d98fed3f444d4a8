-- Of the ids in `ids_seen`: those that no contact has as they are written, and what is left of them without case,
-- blanks, hyphens, leading zeros and the `.0` of a number that was once a decimal.
select
    ids.id,
    ltrim(regexp_replace(lower(ids.id), '\.0$|[-_{}\s]', '', 'g'), '0') as plain
from temp.ids_seen as ids
left join segflow.contacts as contacts on contacts.contact_id = ids.id
where contacts.contact_id is null
