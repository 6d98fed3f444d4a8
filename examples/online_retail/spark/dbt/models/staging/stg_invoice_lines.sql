with

source as (

    select * from {{ source('raw', 'invoice_lines') }}

),

renamed as (

    select
        invoice_no || '-' || file_row_number as line_id,
        invoice_no,
        cast(customer_id as string) as customer_id,
        stock_code,
        description,
        quantity,
        -- prices have up to three decimals; as decimals they add up exactly, so nobody misses a threshold by a rounding
        cast(unit_price as decimal(18, 3)) as unit_price,
        quantity * cast(unit_price as decimal(18, 3)) as amount,
        country,
        cast(invoice_date as timestamp_ntz) as invoiced_at,
        invoice_no like 'C%' as is_cancellation,
        file_row_number
    from source
    where customer_id is not null

)

select * from renamed
