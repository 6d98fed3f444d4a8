-- The members after this tick: those who stayed, and those who entered.
select members.segment_key, judged.segment, members.contact_id, members.entered_at, members.entry_number,
    members.segment_version
from segflow.segment_members as members
inner join temp.judged as judged on judged.segment_key = members.segment_key
left join temp.exits as exits
    on exits.segment_key = members.segment_key and exits.contact_id = members.contact_id
where exits.contact_id is null
union all
select segment_key, segment, contact_id, entered_at, entry_number, segment_version
from temp.entries
