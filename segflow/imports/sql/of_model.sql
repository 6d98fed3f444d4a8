-- The contacts of the file that the user's model has, as the last tick saw them.
select contacts.*
from segflow.contacts as contacts
semi join temp.trimmed as given on given.contact_id = contacts.contact_id
anti join (
    select imports.contact_id
    from segflow.contact_imports as imports
    anti join segflow.contact_takeovers as taken_over
        on taken_over.contact_id = imports.contact_id and taken_over."at" >= imports."at"
    where imports.kind = 'contact'
) as imported
    on imported.contact_id = contacts.contact_id
