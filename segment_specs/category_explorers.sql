/*
description: Bought from five or more of our eight shelves in a year
owner: sales@kettleandcrane.example
*/
select orders.contact_id
from {{ ref('stg_orders') }} as orders
inner join {{ ref('stg_order_items') }} as items on orders.order_id = items.order_id
where
    orders.ordered_at > {{ as_of() }} - interval 365 day
    and orders.ordered_at <= {{ as_of() }}
    and orders.status <> 'cancelled'
group by orders.contact_id
having count(distinct items.category) >= 5
