-- The segments whose rows do not all show their last name.
with ranked as (
    select segment_key, segment, row_number() over (partition by segment_key order by tick_id desc) as newest
    from segflow.segment_sizes
),

several as (
    select segment_key from segflow.segment_sizes group by segment_key having count(distinct segment) > 1
)

select segment_key, segment from ranked where newest = 1 and segment_key in (select segment_key from several)
