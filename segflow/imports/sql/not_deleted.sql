-- The rows of an import whose contacts are not deleted.
select given.*
from temp.import_given as given
left join deleted on deleted.contact_id = given.contact_id
where deleted.contact_id is null
