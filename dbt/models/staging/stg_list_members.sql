with

source as (

    select * from {{ source('raw', 'list_members') }}

),

renamed as (

    select
        customer_id as contact_id,
        name as list_name,
        added_at
    from source

)

select * from renamed
