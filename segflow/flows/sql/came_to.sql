-- The steps that were taken in this hop, where they lead, and for how many.
select flow, step, next_step, count(*) as enrollments
from temp.due
group by flow, step, next_step
