-- How many contacts would cross the border of each segment because of their data.
select segment_key, sum(entered) as entered, sum(exited) as exited
from (
    select segment_key, count(*) as entered, 0 as exited from temp.entries where cause = 'data' group by segment_key
    union all
    select segment_key, 0 as entered, count(*) as exited from temp.exits where cause = 'data' group by segment_key
) as crossings
group by segment_key
