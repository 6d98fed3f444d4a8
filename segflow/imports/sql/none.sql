-- The form of what imports change, without a row.
select contact_id, kind, name, value, import_id, ordinal, "at" from segflow.contact_imports where false
