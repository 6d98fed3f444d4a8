/*
description: Spent 1,000 or more in the last 30 days
owner: sales@example.com
*/
select customer_id as contact_id
from {{ ref('stg_purchases') }}
where
    quantity > 0
    and purchased_at > {{ as_of() }} - interval 30 day
    and purchased_at <= {{ as_of() }}
group by customer_id
having sum(amount) >= 1000
