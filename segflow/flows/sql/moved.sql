-- Where those that took a step in this hop stand now. Who was late at a step is so at the next one, too; what was passed by
-- as pointless has taken no time.
select enrollment_id, flow, flow_version, contact_id, next_step as step, visit, :as_of as since, enrolled_at, trigger_segment,
    case when detail = 'skip_after' and action = 'skipped' then late_to else was_due end as late_to
from temp.due
where next_step is not null
