-- Enrollments that have ended in this tick.
select enrollment_id from temp.ended
union all
select enrollment_id from temp.taken where next_step is null
