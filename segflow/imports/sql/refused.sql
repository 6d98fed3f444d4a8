-- The first fault of each row, and the rows about a contact that an earlier good row was about.
select line, name, value, why
from (
    select faults.*, row_number() over (partition by line order by ordinal) as turn from temp.faults as faults
) as ranked
where turn = 1
union all
select read.line, 'contact_id' as name, read.contact_id as value, concat('line ', good.line, ' has this contact already') as why
from temp.read as read
inner join temp.good as good on good.contact_id = read.contact_id and good.line <> read.line
left join temp.faults as faults on faults.line = read.line
where faults.line is null
