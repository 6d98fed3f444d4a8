with

source as (

    select * from {{ source('raw', 'events') }}

),

renamed as (

    select
        event_id,
        customer_id as contact_id,
        event_name,
        occurred_at,
        properties
    from source

)

select * from renamed
