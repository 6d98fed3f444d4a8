-- The contacts that imports changed in this tick which said no to flows.
select distinct changes.contact_id, changes.import_id
from segflow.contact_imports as changes
inner join segflow.imports as imports on imports.import_id = changes.import_id and imports.tick_id = changes.tick_id
where changes.tick_id = :tick_id and not imports.trigger_flows
