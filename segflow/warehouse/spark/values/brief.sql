-- The text of a number, as briefly as it can be written; null for what is none.
CASE
    WHEN :text RLIKE '^-?[NIi]|^nan' THEN NULL
    WHEN :text RLIKE '[eE]' THEN CASE
        WHEN abs(TRY_CAST(:text AS DOUBLE)) >= CAST(1e20 AS DOUBLE) THEN :text
        WHEN abs(TRY_CAST(:text AS DOUBLE)) >= CAST(1e15 AS DOUBLE)
            THEN CAST(TRY_CAST(TRY_CAST(:text AS DOUBLE) AS DECIMAL(22, 0)) AS STRING)
        ELSE regexp_replace(
            CAST(TRY_CAST(TRY_CAST(:text AS DOUBLE) AS DECIMAL(38, 15)) AS STRING), r'(\.[0-9]*[1-9])0+$|\.0+$', '$1'
        )
    END
    ELSE regexp_replace(regexp_replace(:text, r'(\.[0-9]*[1-9])0+$|\.0+$', '$1'), '^-0$', '0')
END
