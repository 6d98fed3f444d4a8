-- The contacts of an import that the user's model has.
select distinct model.contact_id from model inner join temp.import_rows as rows on rows.contact_id = model.contact_id
