-- Where somebody may stand after a hop.
select flow, step, :as_of as since from temp.steps
