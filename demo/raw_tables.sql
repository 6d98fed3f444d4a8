create schema if not exists raw;

create or replace table raw.products as
select
    product_id,
    name,
    category,
    cast(price as decimal(10, 2)) as price_gbp
from shop_products
order by product_id;

create or replace table raw.customers as
select
    customer_id,
    email,
    phone,
    first_name,
    last_name,
    city,
    country,
    time_zone,
    cast(birthday as date) as birthday,
    email_subscribed,
    sms_subscribed,
    favourite_channel,
    cast(points_until as date) as points_until,
    signup_source,
    cast(signed_up_at as timestamp) as signed_up_at
from shop_people
order by customer_id;

create or replace table raw.orders as
select
    order_id,
    customer_id,
    status,
    currency,
    cast(total as decimal(10, 2)) as total,
    cast(total_gbp as decimal(10, 2)) as total_gbp,
    cast(ordered_at as timestamp) as ordered_at
from shop_orders
order by order_id;

create or replace table raw.order_items as
select
    order_item_id,
    order_id,
    product_id,
    cast(quantity as integer) as quantity,
    cast(unit_price as decimal(10, 2)) as unit_price,
    cast(amount as decimal(10, 2)) as amount
from shop_items
order by order_item_id;

-- in the order of time: scans with a time window skip what is older
create or replace table raw.events as
select
    event_id,
    customer_id,
    event_name,
    cast(occurred_at as timestamp) as occurred_at,
    cast(
        case event_name
            when 'page_view' then json_object('path', path, 'device', device)
            when 'search' then json_object('query', query)
            when 'email_click' then json_object('campaign', campaign)
            when 'review'
                then json_object('order_id', order_id, 'category', category, 'rating', cast(rating as integer))
            when 'purchase'
                then json_object(
                    'order_id', order_id,
                    'amount', round(amount, 2),
                    'currency', currency,
                    'items', cast(items as integer),
                    'category', category
                )
            else json_object(
                'product_id', product_id,
                'category', category,
                'price', round(price, 2)
            )
        end as varchar
    ) as properties
from shop_events
order by event_id;

create or replace table raw.list_members as
select customer_id, name, cast(added_at as timestamp) as added_at
from shop_list_members
order by added_at, customer_id, name;

create or replace table raw.tags as
select customer_id, name, cast(added_at as timestamp) as added_at
from shop_tags
order by added_at, customer_id, name;
