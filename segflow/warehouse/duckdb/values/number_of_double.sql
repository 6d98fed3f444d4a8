-- A double as its shortest decimal text says it, to 12 places. Below 1,000 the cast itself rounds to that text; 6 places
-- or fewer are found again by arithmetic; the text is asked last, as it costs most. Every cast is one that may fail: the
-- optimizer moves what branches share in front of them.
CASE
    WHEN NOT isfinite(:value) THEN NULL
    WHEN abs(:value) < 1e3 THEN CAST(TRY_CAST(:value AS DECIMAL(18, 12)) AS DECIMAL(38, 12))
    WHEN abs(:value) < 1e9 AND round(:value * 1e6) / 1e6 = :value
        THEN CAST(TRY_CAST(:value AS DECIMAL(18, 6)) AS DECIMAL(38, 12))
    WHEN abs(:value) < 1e15 THEN :digits
    ELSE coalesce(TRY_CAST(CAST(:value AS VARCHAR) AS DECIMAL(32, 12)), sign(:value) * 100000000000000000000)
END
