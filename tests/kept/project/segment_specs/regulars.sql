/*
owner: ben@kept.example
on_change: trigger
*/
select orders.contact_id
from {{ ref('stg_orders') }} as orders
where orders.ordered_at <= {{ as_of() }} and orders.ordered_at > {{ as_of() }} - interval 21 day
group by orders.contact_id
having sum(orders.total) >= 45
