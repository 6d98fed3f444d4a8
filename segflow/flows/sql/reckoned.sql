-- What the steps of this tick changed about contacts, where some add to numbers: `reckoned` is what such an attribute is
-- after all changes of the hop. It begins anew (an era) with each hop that sets it.
with changes as (
    select taken.contact_id, updates.kind, updates.name, updates.how,
        case when updates.how = 'fill' then filled.value else updates.value end as value,
        case when updates.how = 'fill' then filled.number else updates.number end as number,
        taken.enrollment_id, taken.flow, taken.step, taken.hop, :as_of as at
    from temp.taken as taken
    inner join temp.updates as updates on updates.flow = taken.flow and updates.step = taken.step
    left join temp.filled as filled
        on updates.how = 'fill' and filled.enrollment_id = taken.enrollment_id and filled.step = taken.step
            and filled.visit = taken.visit and filled.part = updates.name
    where taken.action not in ('skipped', 'failed')
),

hops as (
    select contact_id, name, hop,
        max(case when how <> 'add' then 1 else 0 end) as sets,
        max(case when how <> 'add' then number end) as number,
        max(case when how = 'add' then 1 else 0 end) as adds,
        sum(case when how = 'add' then number end) as added
    from changes
    where kind = 'attribute' and name in (select name from temp.bases)
    group by contact_id, name, hop
),

eras as (
    select hops.*, sum(sets) over (partition by contact_id, name order by hop rows unbounded preceding) as era from hops
),

sums as (
    select contact_id, name, hop, era,
        max(number) over (partition by contact_id, name, era) as start,
        sum(adds) over (partition by contact_id, name, era order by hop rows unbounded preceding) as adds,
        sum(coalesce(added, 0)) over (partition by contact_id, name, era order by hop rows unbounded preceding) as added
    from eras
)

select changes.*,
    case
        when sums.adds > 0
            then coalesce(case when sums.era = 0 then bases.number else sums.start end, 0) + sums.added
    end as reckoned
from changes
left join sums on changes.kind = 'attribute' and sums.contact_id = changes.contact_id and sums.name = changes.name
    and sums.hop = changes.hop
left join temp.bases as bases on bases.contact_id = changes.contact_id and bases.name = changes.name
