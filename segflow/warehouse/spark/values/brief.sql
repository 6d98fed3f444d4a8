-- The text of a number, as briefly as it can be written; null for what is none. Spark writes a double from 10^7 on, and one
-- below 10^-3, with an exponent, and reads that as a decimal; Sail does not read it, and such a text goes by a double.
CASE
    WHEN :text RLIKE '^-?[NIi]|^nan' THEN NULL
    WHEN :text RLIKE '[eE]' THEN CASE
        WHEN abs(TRY_CAST(:text AS DOUBLE)) >= CAST(1e20 AS DOUBLE)
            THEN regexp_replace(:text, r'(\.0)?[eE]\+?([0-9])', 'e+$2')
        WHEN abs(TRY_CAST(:text AS DOUBLE)) >= CAST(1e15 AS DOUBLE) THEN CAST(
            coalesce(TRY_CAST(:text AS DECIMAL(22, 0)), TRY_CAST(TRY_CAST(:text AS DOUBLE) AS DECIMAL(22, 0))) AS STRING
        )
        ELSE regexp_replace(
            regexp_replace(
                CAST(
                    coalesce(
                        CASE
                            WHEN abs(TRY_CAST(:text AS DOUBLE)) >= CAST(1e-4 AS DOUBLE)
                                THEN TRY_CAST(:text AS DECIMAL(38, 22))
                            ELSE TRY_CAST(TRY_CAST(:text AS DECIMAL(38, 12)) AS DECIMAL(38, 22))
                        END,
                        TRY_CAST(TRY_CAST(TRY_CAST(:text AS DOUBLE) AS DECIMAL(38, 12)) AS DECIMAL(38, 22))
                    ) AS STRING
                ),
                r'(\.[0-9]*[1-9])0+$|\.0+$', '$1'
            ),
            '^-0$', '0'
        )
    END
    ELSE regexp_replace(regexp_replace(:text, r'(\.[0-9]*[1-9])0+$|\.0+$', '$1'), '^-0$', '0')
END
