-- What this tick learned of contacts: whoever is there, and since when the others are gone.
select contact_id, case when change = 'gone' then cast(:as_of as timestamp) end as gone_at from temp.contact_changes
