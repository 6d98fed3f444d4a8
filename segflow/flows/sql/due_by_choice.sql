-- Who takes a step that has several ways on, with where the chosen one leads.
select
    moving.enrollment_id, moving.flow, moving.flow_version, moving.contact_id, moving.step, moving.visit, moving.enrolled_at,
    moving.trigger_segment, moving.late_to, moving.was_due, moving.action,
    coalesce(nullif(arms.arm, ''), moving.detail) as detail, moving.channel, arms.next_step, arms.end_reason, :hop as hop
from temp.moving as moving
inner join temp.chosen as chosen on chosen.enrollment_id = moving.enrollment_id
left join temp.arms as arms
    on arms.flow = moving.flow and arms.step = moving.step and arms.ordinal = chosen.ordinal
