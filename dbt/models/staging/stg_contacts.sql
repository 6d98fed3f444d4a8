with

source as (

    select * from {{ source('raw', 'customers') }}

),

renamed as (

    select
        customer_id as contact_id,
        email,
        phone,
        first_name,
        last_name,
        city,
        country,
        time_zone,
        birthday,
        email_subscribed,
        sms_subscribed,
        favourite_channel,
        points_until,
        signup_source,
        signed_up_at
    from source

)

select * from renamed
