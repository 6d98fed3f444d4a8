-- The present members of the segments in `wanted` (segment, segment_key, since).
select wanted.segment, members.contact_id, members.entered_at, members.entry_number
from segflow.segment_members as members
inner join temp.wanted as wanted on wanted.segment_key = members.segment_key
