-- The restart conditions that hold for enrollments without anything that happened just now.
select answers.subject_id as enrollment_id, conditions.flow, conditions.mark
from temp.answers as answers
inner join temp.inside_conditions as conditions
    on conditions.condition = answers.condition and conditions.kind = 'rests'
