-- At steps with several ways, the first one that the contact can take; whoever can take none is not here.
select moving.enrollment_id, min(arms.ordinal) as ordinal
from temp.moving as moving
inner join temp.arms as arms on arms.flow = moving.flow and arms.step = moving.step
left join temp.answers as answers
    on answers.subject_id = moving.enrollment_id and answers.condition = arms.condition
where (arms.condition is null or answers.subject_id is not null)
    and (not arms.timed or arms.ordinal = moving.over_ordinal)
    and (
        arms.from_hash is null
        or substring(row_hash(arms.flow, arms.step, moving.contact_id), 1, 8) >= arms.from_hash
    )
    and (
        arms.to_hash is null
        or substring(row_hash(arms.flow, arms.step, moving.contact_id), 1, 8) < arms.to_hash
    )
group by moving.enrollment_id
