-- Whoever entered and did not exit again.
select entries.segment_key, entries.segment, entries.contact_id, entries.entered_at, entries.entry_number,
    entries.segment_version
from segflow.segment_entries as entries
left join segflow.segment_exits as exits
    on exits.segment_key = entries.segment_key and exits.contact_id = entries.contact_id
    and exits.entry_number = entries.entry_number
where exits.contact_id is null
