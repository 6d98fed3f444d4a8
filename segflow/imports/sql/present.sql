-- The values that the contacts of an import have without it.
select present.contact_id, present.name, present.value
from present
inner join temp.import_rows as rows on rows.contact_id = present.contact_id
