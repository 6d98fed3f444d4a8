-- An id without case, blanks, signs, leading zeros and the `.0` of a number that was once a decimal.
ltrim(
    regexp_replace(
        regexp_replace(
            CASE
                WHEN regexp_full_match(lower(:value), '[+-]?[0-9.]+e[+]?[0-9]+')
                    THEN coalesce(CAST(TRY_CAST(TRY_CAST(:value AS DOUBLE) AS HUGEINT) AS VARCHAR), :value)
                ELSE lower(:value)
            END,
            '[.,]0*$', ''
        ),
        '[^\p{L}\p{N}]', '', 'g'
    ),
    '0'
)
