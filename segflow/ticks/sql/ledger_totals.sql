-- How many rows each ledger must have: what the ticks say they added to it.
with told as (
    select each.key as ledger, cast(each.value as bigint) as rows_told
    from segflow.ticks as ticks, json_each(ticks.ledger_rows) as each
)

select ledger, sum(rows_told) as rows_told from told group by ledger
