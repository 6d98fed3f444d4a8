-- Who met the goal of a flow for the first time: inside, after leaving, or withheld. Whether there was still time for it
-- is said here, because a later edit may give more or less.
select subjects.subject_id as enrollment_id, goals.flow, subjects.contact_id, subjects.enrolled_at,
    :as_of as converted_at, withheld.enrollment_id is not null as withheld,
    subjects.enrolled_at > goals.since as in_time
from temp.answers as answers
inner join temp.goals as goals on goals.condition = answers.condition
inner join temp.subjects as subjects
    on subjects.subject_id = answers.subject_id and subjects.condition = answers.condition
left join segflow.flow_withheld as withheld
    on withheld.enrollment_id = subjects.subject_id and withheld.tick_id <> :tick_id
left join segflow.flow_conversions as converted
    on converted.enrollment_id = subjects.subject_id and converted.tick_id <> :tick_id
where converted.enrollment_id is null
