-- The segments of a tick: as it judged them, with their sizes.
select
    judged.segment_key,
    judged.segment,
    judged.status,
    judged.reason,
    judged.segment_version,
    judged.is_new,
    judged.changed,
    judged.edited,
    judged.renamed,
    judged.old_rule,
    judged.answered_by,
    judged.on_change,
    judged.on_change_before,
    sizes.members
from temp.judged as judged
inner join segflow.segment_sizes as sizes on sizes.segment_key = judged.segment_key and sizes.tick_id = :tick_id
order by judged.segment
