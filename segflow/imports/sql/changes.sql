-- What an import changes: contacts that are new, values that are other ones, and who is new on its list.
with known as (
    select contact_id from segflow.contacts
    union
    select contact_id from temp.imported where kind = 'contact'
),

-- What earlier imports of this tick said last.
said as (
    select contact_id, kind, name, value
    from (
        select imported.*, row_number() over (partition by contact_id, kind, name order by ordinal desc) as newest
        from temp.imported as imported
    ) as ranked
    where newest = 1
),

listed as (
    select contact_id from temp.import_listed
    union
    select contact_id from said where kind = 'list' and name = :list
),

changes as (
    select rows.contact_id, 'contact' as kind, cast(null as varchar) as name, cast(null as varchar) as value
    from temp.import_rows as rows
    left join known on known.contact_id = rows.contact_id
    left join segflow.contact_state as state on state.contact_id = rows.contact_id
    -- Nothing but an id (a frozen segment) brings nobody back who is gone since.
    where known.contact_id is null
        and (state.contact_id is null or rows.contact_id in (select contact_id from temp.import_values))
    union all
    select given.contact_id, 'attribute' as kind, given.name, given.value
    from temp.import_values as given
    left join said
        on said.contact_id = given.contact_id and said.kind = 'attribute' and said.name = given.name
    left join temp.import_present as present
        on present.contact_id = given.contact_id and present.name = given.name and present.value = given.value
    left join temp.import_model as model on model.contact_id = given.contact_id
    -- What only the model writes has no other value where the model has the contact.
    where not coalesce(said.value = given.value, present.contact_id is not null)
        and (not given.of_source or model.contact_id is null)
    union all
    select rows.contact_id, 'list' as kind, :list as name, 'add' as value
    from temp.import_rows as rows
    left join listed on listed.contact_id = rows.contact_id
    where :list is not null and listed.contact_id is null
)

select contact_id, kind, name, value, :import_id as import_id, :ordinal as ordinal, :as_of as "at" from changes
