-- Who entered after the tick `since` (null: ever), up to a tick.
select wanted.segment, entries.contact_id, entries.entered_at, entries.entry_number, entries.cause
from segflow.segment_entries as entries
inner join temp.wanted as wanted on wanted.segment_key = entries.segment_key
where entries.tick_id <= :tick_id and (wanted.since is null or entries.tick_id > wanted.since)
