/*
description: >-
  The pause since the last order is more than twice the customer's own usual pause. A weekly buyer is late after two
  weeks, a quarterly one after half a year; no fixed number of days can say that.
owner: retention@kettleandcrane.example
*/
with

rhythm as (

    select
        contact_id,
        count(*) as orders,
        min(ordered_at) as first_order_at,
        max(ordered_at) as last_order_at
    from {{ ref('stg_orders') }}
    where ordered_at <= {{ as_of() }}
    group by contact_id

)

select contact_id
from rhythm
where
    orders >= 4
    and timestampdiff(hour, date_trunc('hour', last_order_at), date_trunc('hour', {{ as_of() }}))
    > 2 * timestampdiff(hour, date_trunc('hour', first_order_at), date_trunc('hour', last_order_at)) / (orders - 1)
    and last_order_at > {{ as_of() }} - interval '365' day
