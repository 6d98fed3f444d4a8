/*
description: Bought from five or more of our eight shelves in a year
owner: sales@kettleandcrane.example
tests:
  - name: five shelves in one year
    as_of: 2026-03-10
    contacts: [{contact_id: ana}, {contact_id: ben}, {contact_id: cleo}]
    models:
      stg_orders:
        - {order_id: a1, contact_id: ana, ordered_at: 2025-06-01, status: completed}
        - {order_id: a2, contact_id: ana, ordered_at: 2026-03-01, status: refunded}
        - {order_id: b1, contact_id: ben, ordered_at: 2026-01-01, status: cancelled}
        - {order_id: c1, contact_id: cleo, ordered_at: 2025-03-09, status: completed}
      stg_order_items:
        - {order_id: a1, category: Black tea}
        - {order_id: a1, category: Green tea}
        - {order_id: a1, category: Gifts}
        - {order_id: a2, category: Home}
        - {order_id: a2, category: Teaware}
        - {order_id: b1, category: Black tea}
        - {order_id: b1, category: Green tea}
        - {order_id: b1, category: Gifts}
        - {order_id: b1, category: Home}
        - {order_id: b1, category: Teaware}
        - {order_id: c1, category: Black tea}
        - {order_id: c1, category: Green tea}
        - {order_id: c1, category: Gifts}
        - {order_id: c1, category: Home}
        - {order_id: c1, category: Teaware}
    members: [ana]
*/
select orders.contact_id
from {{ ref('stg_orders') }} as orders
inner join {{ ref('stg_order_items') }} as items on orders.order_id = items.order_id
where
    orders.ordered_at > {{ as_of() }} - interval '365' day
    and orders.ordered_at <= {{ as_of() }}
    and orders.status <> 'cancelled'
group by orders.contact_id
having count(distinct items.category) >= 5
