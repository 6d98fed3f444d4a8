-- The size of each segment, in the order in which they were named.
select positions.segment, count(members.contact_id) as members
from temp.positions as positions
left join temp.overlapping as members on members.segment = positions.segment
group by positions.segment, positions.position
order by positions.position
