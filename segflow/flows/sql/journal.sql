-- One row per step taken in this tick.
select flow, enrollment_id, contact_id, step, visit, action, detail, hop, :as_of as at from temp.taken
