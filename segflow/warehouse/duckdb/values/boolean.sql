-- Any value as true or false; blanks around a text are no part of it, and NaN is neither.
CASE
    WHEN typeof(:value) IN ('DOUBLE', 'FLOAT') AND NOT isfinite(TRY_CAST(:value AS DOUBLE)) THEN NULL
    WHEN typeof(:value) = 'VARCHAR' THEN TRY_CAST(trim(CAST(:value AS VARCHAR), concat(' ', chr(9), chr(10), chr(11), chr(12), chr(13))) AS BOOLEAN)
    ELSE TRY_CAST(:value AS BOOLEAN)
END
