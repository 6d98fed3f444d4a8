-- Every moving position whose step can be taken now, with where it leads.
select
    positions.*,
    case when positions.skips is null then steps.action else 'skipped' end as action,
    case when positions.skips is null then coalesce(nullif(arms.arm, ''), steps.detail) else positions.skips end as detail,
    case when positions.skips is null then steps.channel end as channel,
    steps.sender,
    steps.content,
    case when positions.skips is null then arms.next_step else steps.skip_to end as next_step,
    case when positions.skips is null then arms.end_reason else 'completed' end as end_reason,
    :hop as hop
from temp.moving as positions
inner join temp.steps as steps on steps.flow = positions.flow and steps.step = positions.step
left join temp.chosen as chosen on chosen.enrollment_id = positions.enrollment_id
left join temp.arms as arms
    on arms.flow = positions.flow and arms.step = positions.step and arms.ordinal = coalesce(chosen.ordinal, 0)
where positions.skips is not null or not positions.decides or chosen.ordinal is not null
