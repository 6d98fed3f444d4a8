-- The contacts that have one of the days whose time has come.
with zones as (
    -- The zone of each contact is put here.
    select contact_id, zone from nobody
),

dates as (
    -- What dates contacts have is put here.
    select source, contact_id, day, moment from nobody
),

on_days as (
    select days.*, dates.contact_id
    from temp.date_days as days
    inner join dates on dates.source = days.source and dates.day = days.day
    union all
    select days.*, dates.contact_id
    from temp.date_days as days
    inner join dates
        on dates.source = days.source and dates.moment >= days.starts_at and dates.moment < days.ends_at
)

select distinct triggers.flow, on_days.contact_id, triggers.segment_key, triggers.kind, triggers.ordinal,
    on_days.occasion, cast(null as timestamp) as happened_at,
    on_days.trigger_data, true as matches, false as may_wait
from on_days
inner join temp.triggers as triggers on triggers.flow = on_days.flow and triggers.ordinal = on_days.ordinal
left join zones on zones.contact_id = on_days.contact_id
left join segflow.segment_members as members
    on members.segment_key = triggers.segment_key and members.contact_id = on_days.contact_id
where (on_days.zone is null or on_days.zone = zones.zone)
    and (triggers.segment_key is null or members.contact_id is not null)
