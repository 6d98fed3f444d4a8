-- The text of a number with an exponent without it.
regexp_replace(
    regexp_replace(CAST(TRY_CAST(:digits AS DECIMAL(38, 15)) AS STRING), r'(\.[0-9]*[1-9])0+$|\.0+$', '$1'), '^-0$', '0'
)
