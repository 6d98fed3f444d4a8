-- How many contacts are members of exactly so many of the segments.
select segments, count(*) as contacts
from (select contact_id, count(*) as segments from temp.overlapping group by contact_id) as counted
group by segments
order by segments
