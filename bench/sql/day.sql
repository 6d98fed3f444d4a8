-- One more day, up to the tick at `start` + `day` days. Variables: as for shop.sql, and `day`, `changing` (how many
-- contacts do something). Ids go on from where a day's room begins.
create or replace temp table numbers as
select
    getvariable('events') + getvariable('day') * 10 * getvariable('contacts') + range as number,
    -- Whoever does something is anybody: a steady day shows what it costs to find the few.
    cast(floor(raw.u(range // 3, 'day' || getvariable('day')) * getvariable('contacts')) as bigint) as actor,
    cast(getvariable('start') as timestamp) + to_seconds(cast(
        getvariable('day') * 86400 - 61
        - if(raw.u(range, 'late' || getvariable('day')) < 0.05, 10, 1) * raw.u(range, 'when' || getvariable('day')) * 86000
        as bigint)) as occurred_at,
    cast(getvariable('start') as timestamp) + to_seconds(getvariable('day') * 86400 - 60) as loaded_at
from range(3 * getvariable('changing'));

create or replace temp table today as select * from raw.activity('numbers') order by occurred_at;
insert into raw.orders select * from raw.orders_of('today');
insert into raw.items select * from raw.items_of('today');
insert into raw.events select * from today;

-- One new contact in twenty of those, and as many who move or change their mind.
create or replace temp table newcomers as
select
    getvariable('contacts') + getvariable('day') * getvariable('contacts') + range as number,
    cast(getvariable('start') as timestamp)
        + to_seconds(cast(getvariable('day') * 86400 - 61 - raw.u(range, 'new' || getvariable('day')) * 86000 as bigint))
        as joined_at
from range(getvariable('changing') // 20);
insert into raw.contacts select * from raw.people('newcomers');

update raw.contacts set
    city = raw.pick(contact_id || getvariable('day'), 'move', raw.cities()),
    email_subscribed = raw.u(contact_id || getvariable('day'), 'mind') < 0.7,
    loaded_at = cast(getvariable('start') as timestamp) + to_seconds(getvariable('day') * 86400 - 60)
where contact_id in (
    select raw.contact(cast(floor(raw.u(range, 'mover' || getvariable('day')) * getvariable('contacts')) as bigint))
    from range(getvariable('changing') // 20)
);
