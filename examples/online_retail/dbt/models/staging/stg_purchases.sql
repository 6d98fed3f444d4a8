with

lines as (

    select * from {{ ref('stg_invoice_lines') }}

),

purchases as (

    select
        line_id,
        invoice_no,
        customer_id,
        stock_code,
        description,
        quantity,
        unit_price,
        amount,
        country,
        invoiced_at as purchased_at
    from lines
    where not is_cancellation

)

select * from purchases
