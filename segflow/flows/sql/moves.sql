-- Where the enrollments stand that took a place in this tick. Whoever stands somewhere since now was put there now.
select enrollment_id, flow, step, visit, since from temp.positions where since = :as_of
