/*
description: Spent 1,000 or more in the last 30 days
owner: sales@example.com
tests:
  - name: 30 days, returns not counted
    as_of: 2011-06-02
    contacts: [{contact_id: 1}, {contact_id: 2}, {contact_id: 3}]
    models:
      stg_purchases:
        - {customer_id: 1, purchased_at: 2011-05-20, quantity: 10, amount: 600}
        - {customer_id: 1, purchased_at: 2011-06-01, quantity: 8, amount: 400}
        - {customer_id: 1, purchased_at: 2011-06-01, quantity: -1, amount: -50}
        - {customer_id: 2, purchased_at: 2011-05-03, quantity: 20, amount: 1200}
        - {customer_id: 3, purchased_at: 2011-06-01, quantity: 9, amount: 999.99}
    members: [1]
*/
select customer_id as contact_id
from {{ ref('stg_purchases') }}
where
    quantity > 0
    and purchased_at > {{ as_of() }} - interval '30 days'
    and purchased_at <= {{ as_of() }}
group by customer_id
having sum(amount) >= 1000
