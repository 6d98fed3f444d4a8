-- Who takes a step that has one way on, or passes it by, with where it leads.
with judged as (
    select * from temp.judged
)

select
    enrollment_id, flow, flow_version, contact_id, step, visit, enrolled_at, trigger_segment, late_to, was_due,
    case when skips is null then action else 'skipped' end as action,
    case when skips is null then coalesce(nullif(arm, ''), detail) else skips end as detail,
    case when skips is null then channel end as channel,
    case when skips is null then next_step else skip_to end as next_step,
    case when skips is null then end_reason else 'completed' end as end_reason,
    :hop as hop
from judged
where skips is not null or not decides
