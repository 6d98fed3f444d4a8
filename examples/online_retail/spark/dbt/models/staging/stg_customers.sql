with

lines as (

    select * from {{ ref('stg_invoice_lines') }}

),

customers as (

    select
        customer_id,
        -- eight customers moved; the country of the first invoice is the one that every later tick may know
        min_by(country, struct(invoiced_at, file_row_number)) as country,
        min(invoiced_at) as created_at
    from lines
    group by customer_id

)

select * from customers
