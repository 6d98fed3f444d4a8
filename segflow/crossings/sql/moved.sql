-- Who matches and is no member, and who is a member and does not match: one join tells both. The members of segments
-- that were not evaluated are among the latter.
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
full outer join segflow.segment_members as members
    on members.segment_key = matching.segment_key and members.contact_id = matching.contact_id
where matching.contact_id is null or members.contact_id is null
