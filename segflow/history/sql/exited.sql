-- Who exited after the tick `since` (null: ever), up to a tick.
select wanted.segment, exits.contact_id, exits.exited_at, exits.entered_at, exits.entry_number, exits.cause
from segflow.segment_exits as exits
inner join temp.wanted as wanted on wanted.segment_key = exits.segment_key
where exits.tick_id <= :tick_id and (wanted.since is null or exits.tick_id > wanted.since)
