-- A text without blanks around it as a number. With an exponent, its digits are written out first; what is beyond
-- 10^20 is 10^20.
CASE
    WHEN :text RLIKE r'^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)$'
        THEN coalesce(CAST(TRY_CAST(:text AS DECIMAL(32, 12)) AS DECIMAL(38, 12)), :limit)
    WHEN :text RLIKE r'^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][+-]?[0-9]{1,3}$' THEN CASE
        WHEN abs(TRY_CAST(:text AS DOUBLE)) >= CAST(1e20 AS DOUBLE) THEN :limit
        WHEN abs(TRY_CAST(:text AS DOUBLE)) < CAST(1e-13 AS DOUBLE) THEN CAST(0 AS DECIMAL(38, 12))
        ELSE CAST(TRY_CAST(:digits AS DECIMAL(32, 12)) AS DECIMAL(38, 12))
    END
END
