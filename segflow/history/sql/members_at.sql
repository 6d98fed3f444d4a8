-- Who was a member after a tick: whoever had entered by then and had not exited again.
select wanted.segment, entries.contact_id, entries.entered_at, entries.entry_number
from segflow.segment_entries as entries
inner join temp.wanted as wanted on wanted.segment_key = entries.segment_key
left join segflow.segment_exits as exits
    on exits.segment_key = entries.segment_key and exits.contact_id = entries.contact_id
    and exits.entry_number = entries.entry_number and exits.tick_id <= :tick_id
where entries.tick_id <= :tick_id and exits.contact_id is null
