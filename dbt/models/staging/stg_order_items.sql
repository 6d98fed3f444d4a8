with

items as (

    select * from {{ source('raw', 'order_items') }}

),

products as (

    select * from {{ ref('stg_products') }}

),

joined as (

    select
        items.order_item_id,
        items.order_id,
        items.product_id,
        products.product_name,
        products.category,
        items.quantity,
        items.unit_price,
        items.amount
    from items
    left join products on items.product_id = products.product_id

)

select * from joined
