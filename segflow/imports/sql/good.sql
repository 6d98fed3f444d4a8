-- Rows without a fault; of several about one contact the first.
with faultless as (
    select
        read.*,
        row_number() over (partition by read.contact_id order by read.line) as turn,
        first_value(read.line) over (partition by read.contact_id order by read.line) as first_line
    from temp.read as read
    left join (select distinct line from temp.faults) as faults on faults.line = read.line
    where faults.line is null
)

select * from faultless where turn = 1
