-- The crossings of which a file that says `suppress` is a cause: the contact crosses with its edit, and not without, when
-- the same other edits are taken back. With none taken back it is who has moved, with all of them the old rule.
select distinct moved.segment_key, moved.contact_id
from temp.moved as moved
inner join temp.pivots as pivots on pivots.segment_key = moved.segment_key
left join temp.variants as with_edit
    on with_edit.segment_key = moved.segment_key and with_edit.contact_id = moved.contact_id
    and with_edit.reverted = pivots.with_edit
left join temp.variants as without_edit
    on without_edit.segment_key = moved.segment_key and without_edit.contact_id = moved.contact_id
    and without_edit.reverted = pivots.without_edit
left join temp.old_members as old_members
    on old_members.segment_key = moved.segment_key and old_members.contact_id = moved.contact_id
where (pivots.with_edit = 0 or (with_edit.contact_id is not null) = moved.matches)
    and case
        when pivots.without_is_old then old_members.contact_id is not null else without_edit.contact_id is not null
    end <> moved.matches
