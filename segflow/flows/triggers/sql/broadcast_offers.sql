-- What this tick has offered of each broadcast, and how many are left for later ones.
select broadcasts.id, broadcasts.flow, 'broadcast' as offer, names.segment, false as ignore_reentry,
    count(audience.contact_id) filter (where audience.offered) as contacts,
    cast(null as varchar) as reason, cast(null as varchar) as decided_by, cast(null as timestamp) as decided_at,
    count(audience.contact_id) filter (where not audience.offered) as left_over,
    coalesce(max(audience.place) filter (where audience.offered), max(broadcasts.up_to)) as up_to
from temp.broadcasts as broadcasts
inner join temp.flows_now as flows on flows.flow = broadcasts.flow
inner join temp.triggers as triggers on triggers.flow = broadcasts.flow and triggers.ordinal = broadcasts.ordinal
left join temp.segment_names as names on names.segment_key = triggers.segment_key
left join temp.broadcast_audience as audience on audience.id = broadcasts.id
where flows.status in ('active', 'paused')
group by broadcasts.id, broadcasts.flow, names.segment
