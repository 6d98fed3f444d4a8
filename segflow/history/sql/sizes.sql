-- The sizes of a segment, oldest first.
select tick_id, as_of, segment, members, entered, exited, status, reason, segment_version
from segflow.segment_sizes
where segment_key = :segment_key
order by tick_id
