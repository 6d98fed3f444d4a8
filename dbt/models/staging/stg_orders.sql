with

source as (

    select * from {{ source('raw', 'orders') }}

),

renamed as (

    select
        order_id,
        customer_id as contact_id,
        status,
        currency,
        total,
        total_gbp,
        ordered_at
    from source

)

select * from renamed
