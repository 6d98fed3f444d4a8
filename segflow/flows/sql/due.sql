-- Every moving position whose step can be taken now, with where it leads. A wait can be taken once it is over; a step
-- that the enrollment took before an edit moved it is passed by, but a branch is asked again.
select
    positions.*,
    case when passed.step is not null and steps.action <> 'branch' then 'skipped' else steps.action end as action,
    case
        when steps.action = 'branch' then case when answers.subject_id is not null then 'then' else 'else' end
        when passed.step is not null then 'taken before an edit moved it'
        else steps.detail
    end as detail,
    case when passed.step is null then steps.channel end as channel,
    steps.sender,
    steps.content,
    case
        when steps.action <> 'branch' then steps.next_step
        when answers.subject_id is not null then steps.then_step
        else steps.else_step
    end as next_step,
    :hop as hop
from temp.moving as positions
inner join temp.steps as steps on steps.flow = positions.flow and steps.step = positions.step
left join temp.answers as answers
    on answers.subject_id = positions.enrollment_id and answers.condition = positions.flow || '/' || positions.step
left join temp.passed as passed on passed.enrollment_id = positions.enrollment_id and passed.step = positions.step
left join temp.calendar_waits_over as over_now
    on over_now.flow = positions.flow and over_now.step = positions.step and over_now.since = positions.since
where steps.action <> 'wait' or over_now.since is not null or positions.since <= steps.due_before or passed.step is not null
