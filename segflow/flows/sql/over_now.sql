-- Whose time is over at a step where it is not the same for all who came at once: the first way that is open, and by when it
-- was, for who is late.
with arrived as (
    select * from temp.arrived
)

select
    arrived.enrollment_id,
    min(case when times.late_to is null then times.ordinal end) as ordinal,
    min(times.late_to) as late_to
from arrived
inner join temp.times as times on times.flow = arrived.flow and times.step = arrived.step
left join temp.zone_of as zones on zones.contact_id = arrived.contact_id
left join temp.moments as moments on moments.enrollment_id = arrived.enrollment_id and moments.name = times.moment
where (times.zone is null or times.zone = coalesce(zones.zone, :zone))
    and (times.since_from is null or arrived.since >= times.since_from)
    and (
        times.since_to is null
        or case when times.late_to is null then arrived.since else coalesce(arrived.late_to, arrived.since) end
            <= times.since_to
    )
    and (times.moment is null or moments.day <= times.day_to or moments.moment <= times.moment_to)
    and (
        times.to_hash is null
        or substring(row_hash('spread', arrived.enrollment_id, arrived.step), 1, 8) < times.to_hash
    )
group by arrived.enrollment_id
