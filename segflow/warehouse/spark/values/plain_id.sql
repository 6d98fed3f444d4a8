-- An id without case, blanks, signs, leading zeros and the `.0` of a number that was once a decimal.
ltrim(
    '0',
    regexp_replace(
        regexp_replace(
            CASE
                WHEN lower(:text) RLIKE r'^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)e[+]?[0-9]{1,2}$' THEN coalesce(
                    CAST(TRY_CAST(TRY_CAST(:text AS DOUBLE) AS DECIMAL(38, 0)) AS STRING), lower(:text)
                )
                ELSE lower(:text)
            END,
            '[.,]0*$', ''
        ),
        r'[^\p{L}\p{N}]', ''
    )
)
