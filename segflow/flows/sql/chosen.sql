-- At steps with several ways, the first one that the contact can take; whoever can take none is not here.
select positions.enrollment_id, min(arms.ordinal) as ordinal
from temp.moving as positions
inner join temp.steps as steps on steps.flow = positions.flow and steps.step = positions.step
inner join temp.arms as arms on arms.flow = positions.flow and arms.step = positions.step
left join temp.answers as answers
    on answers.subject_id = positions.enrollment_id and answers.condition = arms.condition
where steps.decides and positions.skips is null
    and (arms.condition is null or answers.subject_id is not null)
    and (not arms.timed or arms.ordinal = positions.over_ordinal)
    and (
        arms.from_hash is null
        or substring(row_hash(arms.flow, arms.step, positions.contact_id), 1, 8) >= arms.from_hash
    )
    and (
        arms.to_hash is null
        or substring(row_hash(arms.flow, arms.step, positions.contact_id), 1, 8) < arms.to_hash
    )
group by positions.enrollment_id
