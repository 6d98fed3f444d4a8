-- Who matches a `.sql` segment and is no member, and who is a member and does not match: one join tells both. The members
-- of YAML segments that were evaluated are told by their bits. Of segments that were not evaluated only the members that
-- are gone are among the latter.
select
    coalesce(matching.segment_key, members.segment_key) as segment_key,
    coalesce(matching.contact_id, members.contact_id) as contact_id,
    matching.contact_id is not null as matches
from (
    select judged.segment_key, current_members.contact_id
    from current_members
    inner join temp.judged as judged on judged.segment = current_members.segment
    where judged.evaluated
) as matching
full outer join (
    select present.segment_key, present.contact_id
    from segflow.segment_members as present
    left join temp.bits as bits on bits.segment_key = present.segment_key
    left join temp.judged as judged on judged.segment_key = present.segment_key
    left join temp.gone as gone on gone.contact_id = present.contact_id
    where
        bits.segment_key is null
        and (judged.segment_key is null or judged.evaluated or gone.contact_id is not null)
) as members
    on members.segment_key = matching.segment_key and members.contact_id = matching.contact_id
where matching.contact_id is null or members.contact_id is null
