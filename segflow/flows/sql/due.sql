-- Every position whose step can be taken now, with where it leads. A wait can be taken once it is over.
select
    positions.*,
    steps.action,
    case steps.action
        when 'branch' then case when answers.subject_id is not null then 'then' else 'else' end
        else steps.detail
    end as detail,
    steps.channel,
    steps.sender,
    steps.content,
    case
        when steps.action <> 'branch' then steps.next_step
        when answers.subject_id is not null then steps.then_step
        else steps.else_step
    end as next_step,
    :hop as hop
from temp.positions as positions
inner join temp.flows_now as flows on flows.flow = positions.flow
inner join temp.steps as steps on steps.flow = positions.flow and steps.step = positions.step
left join temp.answers as answers
    on answers.subject_id = positions.enrollment_id and answers.condition = positions.flow || '/' || positions.step
where flows.status = 'active' and (steps.action <> 'wait' or positions.since <= steps.due_before)
