-- The codes that this tick gave away.
select claim_id, pool, code, enrollment_id, flow, step, visit, contact_id, :as_of as at from temp.claims
