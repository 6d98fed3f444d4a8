-- How many times each step was passed, and by which arm where there are several.
select journal.flow, journal.step, case when arms.step is not null then journal.detail end as arm,
    journal.action = 'skipped' as skipped, count(*) as contacts
from segflow.flow_journal as journal
left join (select distinct flow, step from temp.pictured) as arms
    on arms.flow = journal.flow and arms.step = journal.step
where journal.step is not null and (:flow is null or journal.flow = :flow)
group by journal.flow, journal.step, case when arms.step is not null then journal.detail end, journal.action = 'skipped'
