-- The unknown ids that belong to a contact once the way of writing is left out, and a pair to show.
with pairs as (
    select unknown.id as here, contacts.contact_id as there
    from temp.unknown_ids as unknown
    inner join segflow.contacts as contacts on plain_id(contacts.contact_id) = unknown.plain
    where unknown.plain <> ''
)

select count(distinct here) as times, min(here) as here, min_by(there, here) as there from pairs
