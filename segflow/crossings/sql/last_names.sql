-- The last name of every segment that ever was; those that were there last come last.
with ranked as (
    select segment_key, segment, tick_id, row_number() over (partition by segment_key order by tick_id desc) as newest
    from segflow.segment_sizes
)

select segment_key, segment from ranked where newest = 1 order by tick_id, segment_key
