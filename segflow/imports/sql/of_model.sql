-- The contacts of the file that the user's model has, as the last tick saw them.
select contacts.*
from segflow.contacts as contacts
semi join temp.trimmed as given on given.contact_id = contacts.contact_id
anti join (select contact_id from segflow.contact_imports where kind = 'contact') as imported
    on imported.contact_id = contacts.contact_id
