-- When a contact crossed the border of a segment, oldest first.
select entered_at as at, 'entered' as crossing, entry_number, cause, triggers, segment_version, tick_id
from segflow.segment_entries
where segment_key = :segment_key and contact_id = :contact_id
union all
select exited_at as at, 'exited' as crossing, entry_number, cause, triggers, segment_version, tick_id
from segflow.segment_exits
where segment_key = :segment_key and contact_id = :contact_id
order by tick_id, crossing desc
