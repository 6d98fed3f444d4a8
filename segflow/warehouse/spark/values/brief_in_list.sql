-- The same of an element of a list, but for the exponents that Sail keeps: what is long in a lambda takes it seconds to
-- plan. Spark writes any number from 10^7 on, and below 10^-3, with one, whatever the document has.
regexp_replace(
    regexp_replace(
        coalesce(CASE WHEN :text RLIKE 'E-?1?[0-9]$' THEN CAST(TRY_CAST(:text AS DECIMAL(38, 12)) AS STRING) END, :text),
        r'(\.[0-9]*[1-9])0+$|\.0+$', '$1'
    ),
    '^-0$', '0'
)
