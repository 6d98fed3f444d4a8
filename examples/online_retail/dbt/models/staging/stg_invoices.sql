with

lines as (

    select * from {{ ref('stg_invoice_lines') }}
    where not is_cancellation

),

invoices as (

    select
        invoice_no,
        any_value(customer_id) as customer_id,
        any_value(country) as country,
        count(*) as lines,
        sum(amount) as total,
        min(invoiced_at) as invoiced_at
    from lines
    group by invoice_no

)

select * from invoices
