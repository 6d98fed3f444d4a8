-- The same for whole numbers alone, of a list's elements: what is long in a lambda takes Sail seconds to plan.
CASE
    WHEN TRY_CAST(:text AS DOUBLE) = floor(TRY_CAST(:text AS DOUBLE))
        THEN CAST(CAST(TRY_CAST(:text AS DOUBLE) AS DECIMAL(38, 0)) AS STRING)
    ELSE :text
END
