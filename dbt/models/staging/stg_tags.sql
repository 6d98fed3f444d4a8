with

source as (

    select * from {{ source('raw', 'tags') }}

),

renamed as (

    select
        customer_id as contact_id,
        name as tag,
        added_at
    from source

)

select * from renamed
