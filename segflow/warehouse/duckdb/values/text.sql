-- Any value as text. A number is written as briefly as it can be, so that one value has one text in columns of every
-- type: 2, not 2.0 or 2.00.
CASE
    WHEN typeof(:value) IN ('DOUBLE', 'FLOAT') THEN CASE
        WHEN NOT isfinite(TRY_CAST(:value AS DOUBLE)) THEN NULL
        WHEN TRY_CAST(:value AS DOUBLE) = 0 THEN '0'
        WHEN CAST(:value AS VARCHAR) LIKE '%.0' THEN left(CAST(:value AS VARCHAR), -2)
        WHEN CAST(:value AS VARCHAR) LIKE '%e%' AND abs(TRY_CAST(:value AS DOUBLE)) < 1e20
            THEN rtrim(rtrim(CAST(TRY_CAST(CAST(:value AS VARCHAR) AS DECIMAL(38, 12)) AS VARCHAR), '0'), '.')
        ELSE CAST(:value AS VARCHAR)
    END
    WHEN typeof(:value) LIKE 'DECIMAL(%' AND contains(CAST(:value AS VARCHAR), '.')
        THEN rtrim(rtrim(CAST(:value AS VARCHAR), '0'), '.')
    ELSE CAST(:value AS VARCHAR)
END
