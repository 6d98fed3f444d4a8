-- Any value as a number, by way of its text. What no decimal can hold, or Sail reads as none because of its exponent, goes
-- by a double; a double beyond 10^15 has no fraction, and beyond 10^20 it is 10^20. Digits are those of ASCII: Spark would
-- read any others, too.
CASE
    WHEN typeof(:value) = 'boolean'
        THEN CAST(CASE CAST(:value AS STRING) WHEN 'true' THEN 1 WHEN 'false' THEN 0 END AS DECIMAL(38, 12))
    WHEN :text RLIKE r'^[-+]?[.]?[0-9][-+.0-9eE]*$' THEN coalesce(
        CAST(TRY_CAST(:text AS DECIMAL(32, 12)) AS DECIMAL(38, 12)),
        CASE
            WHEN abs(:double) < CAST('Infinity' AS DOUBLE) THEN CASE
                WHEN :double >= CAST(1e20 AS DOUBLE) THEN CAST('100000000000000000000' AS DECIMAL(38, 12))
                WHEN :double <= CAST(-1e20 AS DOUBLE) THEN CAST('-100000000000000000000' AS DECIMAL(38, 12))
                WHEN abs(:double) >= CAST(1e15 AS DOUBLE)
                    THEN CAST(TRY_CAST(:double AS DECIMAL(22, 0)) AS DECIMAL(38, 12))
                ELSE TRY_CAST(:double AS DECIMAL(38, 12))
            END
        END
    )
END
