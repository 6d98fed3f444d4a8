-- What a model tells of messages that were sent, and no tick has taken: one row for each thing told.
with named as (
    select distinct deliveries.message_id, deliveries.channel
    from segflow.deliveries as deliveries
    semi join temp.told_rows as told on told.message_id = deliveries.message_id
),
by_provider as (
    -- One id of several messages is of none of them.
    select deliveries.provider_id, min(deliveries.message_id) as message_id, min(deliveries.channel) as channel
    from segflow.deliveries as deliveries
    semi join temp.told_rows as told on told.provider_id = deliveries.provider_id
    group by deliveries.provider_id
    having min(deliveries.message_id) = max(deliveries.message_id)
),
found as (
    select
        coalesce(named.message_id, by_provider.message_id) as message_id,
        coalesce(named.channel, by_provider.channel) as channel,
        told.kind, told."at", told.hard,
        told.kind || ':' || coalesce(named.message_id, by_provider.message_id) || ':' || told.id as event_key
    from temp.told_rows as told
    left join named on named.message_id = told.message_id
    left join by_provider on by_provider.provider_id = told.provider_id
    where coalesce(named.message_id, by_provider.message_id) is not null
)
select distinct found.message_id, found.channel, found.kind, found."at", found.hard, found.event_key
from found
anti join segflow.message_events as taken
    on taken.message_id = found.message_id
    and taken.kind = found.kind
    and ((found.event_key is null and taken."at" = found."at") or taken.event_key = found.event_key)
