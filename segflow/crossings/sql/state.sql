-- The segments after a tick: those it looked at, with the version that its members follow; one that was held before its
-- first members has none.
select segment_key, segment, segment_version, status, reason
from segflow.segment_sizes
where tick_id = :tick_id and status <> 'deleted' and segment_version > 0
