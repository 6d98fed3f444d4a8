-- A shop's warehouse as it is at the morning of the first tick. Variables: contacts, events, seed, start (a timestamp).
-- Everything is drawn from hashes of (row, what for, seed): the same seed gives the same rows.
create schema raw;

create macro raw.u(row_number, what) as (hash(row_number, what, getvariable('seed')) % 1000003) / 1000003.0;
create macro raw.pick(row_number, what, choices) as choices[1 + cast(floor(raw.u(row_number, what) * len(choices)) as int)];
create macro raw.contact(number) as 'C' || lpad(cast(number as varchar), 9, '0');
create macro raw.categories() as ['Black tea', 'Green tea', 'Oolong', 'Herbal tea', 'Matcha', 'Teaware', 'Home', 'Gifts',
    'Books', 'Sweets', 'Coffee', 'Spices'];
create macro raw.cities() as ['London', 'Paris', 'Berlin', 'Madrid', 'Rome', 'Vienna', 'Prague', 'Lisbon', 'Dublin',
    'Oslo', 'Leeds', 'York', 'Bath', 'Lyon', 'Nice', 'Bonn', 'Graz', 'Porto', 'Cork', 'Malmo', null];

-- Few contacts do most of it, and three in ten do nothing at all; the last ones came lately.
create macro raw.actor(row_number, what) as
    cast(floor(0.7 * getvariable('contacts') * pow(raw.u(row_number, what), 2.2)) as bigint);

-- What one row of activity is, given when it happened and when the warehouse learned of it.
create macro raw.activity(rows) as table
select
    'E' || lpad(cast(number as varchar), 10, '0') as event_id,
    raw.contact(actor) as contact_id,
    case
        when raw.u(number, 'name') < 0.45 then 'page_view'
        when raw.u(number, 'name') < 0.70 then 'product_view'
        when raw.u(number, 'name') < 0.78 then 'search'
        when raw.u(number, 'name') < 0.88 then 'cart_add'
        when raw.u(number, 'name') < 0.98 then 'purchase'
        else 'email_click'
    end as event_name,
    occurred_at,
    case when raw.u(number, 'null') > 0.03 then raw.pick(number, 'category', raw.categories()) end as category,
    round(5 + 120 * pow(raw.u(number, 'amount'), 3), 2) as amount,
    case when raw.u(number, 'name') between 0.70 and 0.78
        then raw.pick(number, 'query', ['matcha whisk', 'green tea', 'gift box', 'earl grey', 'tea pot', 'honey']) end
        as query,
    raw.pick(number, 'device', ['phone', 'laptop', 'tablet']) as device,
    loaded_at
from query_table(rows);

create macro raw.people(rows) as table
select
    raw.contact(number) as contact_id,
    case when raw.u(number, 'email') > 0.05 then raw.contact(number) || '@shop.example' end as email,
    case when raw.u(number, 'phone') > 0.4 then '+44207946' || lpad(cast(number % 10000 as varchar), 4, '0') end as phone,
    raw.pick(number, 'first', ['Ana', 'Ben', 'Cleo', 'Dan', 'Eva', 'Finn', 'Gwen', 'Hugo', 'Ida', 'Jon']) as first_name,
    raw.pick(number, 'city', raw.cities()) as city,
    raw.u(number, 'consent') < 0.7 as email_subscribed,
    date '1950-01-01' + cast(floor(raw.u(number, 'born') * 20000) as int) as birthday,
    joined_at as signed_up_at,
    joined_at as loaded_at
from query_table(rows);

create table raw.contacts as
with numbers as (
    select range as number, cast(getvariable('start') as timestamp) - to_seconds(cast(60 + pow(raw.u(range, 'joined'), 1.4) * 900 * 86400 as bigint))
        as joined_at
    from range(getvariable('contacts'))
)

select * from raw.people('numbers') order by contact_id;

-- Two years, more of it lately, and a season before the holidays. One row in fifty was loaded days after it happened.
create table raw.events as
with drawn as (
    select
        range as number,
        raw.actor(range, 'who') as actor,
        case when raw.u(range, 'season') < 0.12 then 70 + raw.u(range, 'day') * 40 else 730 * raw.u(range, 'day')
            end as days_ago
    from range(getvariable('events'))
),

numbers as (
    select
        number,
        actor,
        cast(getvariable('start') as timestamp) - to_seconds(cast(61 + days_ago * 86400 as bigint)) as occurred_at,
        least(
            cast(getvariable('start') as timestamp) - to_seconds(60),
            occurred_at + to_seconds(cast(if(raw.u(number, 'late') < 0.02, raw.u(number, 'lag') * 800000, 60) as bigint))
        ) as loaded_at
    from drawn
)

select * from raw.activity('numbers') order by occurred_at;

-- An order for each purchase, with one to three items.
create macro raw.orders_of(rows) as table
select
    'O' || event_id as order_id,
    contact_id,
    occurred_at as ordered_at,
    raw.pick(event_id, 'status', ['completed', 'completed', 'completed', 'completed', 'cancelled', 'refunded', null])
        as status,
    amount as total,
    loaded_at
from query_table(rows) where event_name = 'purchase';

create macro raw.items_of(rows) as table
select
    'I' || event_id || '-' || line as item_id,
    'O' || event_id as order_id,
    raw.pick(event_id || line, 'item', raw.categories()) as category,
    1 + cast(floor(raw.u(event_id || line, 'quantity') * 4) as int) as quantity,
    loaded_at
from query_table(rows), unnest(range(1 + cast(floor(raw.u(event_id, 'lines') * 3) as int))) as lines(line)
where event_name = 'purchase';

create table raw.orders as select * from raw.orders_of('raw.events');
create table raw.items as select * from raw.items_of('raw.events');
