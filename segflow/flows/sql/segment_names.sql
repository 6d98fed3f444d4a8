-- What the segments of this tick are called, those that it removed included.
select segment_key, segment from segflow.segment_sizes where tick_id = :tick_id
