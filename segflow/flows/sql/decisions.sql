-- What becomes of each candidate where no flow looks at another.
select judged.*,
    case when verdict = 'enroll' and turn > 1 then 'already_enrolled' else verdict end as decision,
    false as is_repeated
from temp.verdicts as judged
