-- What the ticks from `since` on did to the segments in `suspects` (segment_key) by data, oldest first, up to this tick.
-- Members are those before the tick.
with ticks as (
    select
        sizes.segment_key,
        sizes.tick_id,
        sizes.as_of,
        sizes.members - sizes.entered + sizes.exited as members,
        sizes.status,
        versions.fingerprint
    from segflow.segment_sizes as sizes
    inner join temp.suspects as suspects on suspects.segment_key = sizes.segment_key
    left join segflow.segment_versions as versions
        on versions.segment_key = sizes.segment_key and versions.segment_version = sizes.segment_version
    where sizes.tick_id >= :since and sizes.tick_id < :tick_id
),

entered as (
    select entries.segment_key, entries.tick_id, count(*) as contacts
    from segflow.segment_entries as entries
    inner join temp.suspects as suspects on suspects.segment_key = entries.segment_key
    where entries.cause = 'data' and entries.tick_id >= :since and entries.tick_id < :tick_id
    group by entries.segment_key, entries.tick_id
),

exited as (
    select exits.segment_key, exits.tick_id, count(*) as contacts
    from segflow.segment_exits as exits
    inner join temp.suspects as suspects on suspects.segment_key = exits.segment_key
    where exits.cause = 'data' and exits.tick_id >= :since and exits.tick_id < :tick_id
    group by exits.segment_key, exits.tick_id
)

select
    ticks.segment_key,
    ticks.tick_id,
    ticks.as_of,
    ticks.members,
    ticks.status,
    ticks.fingerprint,
    coalesce(entered.contacts, 0) as entered,
    coalesce(exited.contacts, 0) as exited
from ticks
left join entered on entered.segment_key = ticks.segment_key and entered.tick_id = ticks.tick_id
left join exited on exited.segment_key = ticks.segment_key and exited.tick_id = ticks.tick_id
order by ticks.segment_key, ticks.tick_id
