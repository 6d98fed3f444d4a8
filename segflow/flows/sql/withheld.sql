-- Whom a holdout keeps out for the first time.
select enrollment_id, flow, contact_id, enrolled_at as withheld_at, segment_key as trigger_segment, kind as trigger_kind,
    tick_id as crossing_tick, trigger_data
from temp.decisions
where decision = 'withheld' and not is_repeated
