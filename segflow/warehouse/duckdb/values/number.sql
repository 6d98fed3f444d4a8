-- Any value as a number. What is asked about the type is answered when the statement is bound, and one branch is left.
CASE
    WHEN typeof(:value) LIKE '%INT%' OR typeof(:value) LIKE 'DEC%' OR typeof(:value) = 'BOOLEAN' THEN coalesce(
        TRY_CAST(:value AS DECIMAL(32, 12)), sign(TRY_CAST(:value AS DOUBLE)) * 100000000000000000000
    )
    WHEN typeof(:value) = 'DOUBLE' THEN :double
    WHEN length(CAST(:value AS VARCHAR)) <= 16 OR lower(CAST(:value AS VARCHAR)) LIKE '%e%' THEN :short
    WHEN regexp_full_match(CAST(:value AS VARCHAR), '[+-]?[0-9]{1,18}([.][0-9]*)?') THEN :digits
    ELSE coalesce(TRY_CAST(CAST(:value AS VARCHAR) AS DECIMAL(32, 12)), :short)
END
