-- The imported contacts that the user's model has now. From here on it alone says whether they are there.
select distinct imports.contact_id, cast(:as_of as timestamp) as "at"
from model
inner join segflow.contact_imports as imports on imports.contact_id = model.contact_id
left join (
    select contact_id, max("at") as "at"
    from segflow.contact_takeovers
    where tick_id <> :tick_id
    group by contact_id
) as earlier on earlier.contact_id = imports.contact_id and earlier."at" >= imports."at"
where imports.kind = 'contact' and earlier.contact_id is null
