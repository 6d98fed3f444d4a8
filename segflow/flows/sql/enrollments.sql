-- The public view: one row per enrollment, with where it stands or how it ended.
select
    starts.enrollment_id,
    starts.flow,
    starts.flow_version,
    starts.contact_id,
    starts.enrolled_at,
    coalesce(segments.segment, starts.trigger_segment) as trigger_segment,
    starts.trigger_kind,
    case when ends.enrollment_id is null then 'active' else 'ended' end as status,
    positions.step,
    positions.since,
    ends.ended_at,
    ends.reason as end_reason,
    starts.tick_id
from segflow.flow_enrollment_starts as starts
left join segflow.flow_enrollment_ends as ends on ends.enrollment_id = starts.enrollment_id
left join segflow.flow_positions as positions on positions.enrollment_id = starts.enrollment_id
left join segflow.segment_state as segments on segments.segment_key = starts.trigger_segment
