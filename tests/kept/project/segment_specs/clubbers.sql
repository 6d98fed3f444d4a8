/* on_create: trigger */
select members.contact_id
from {{ ref('segment__club') }} as members
inner join {{ ref('contacts') }} as contacts on contacts.contact_id = members.contact_id
where contacts.age > 25
