-- Any value as true or false; blanks around a text are no part of it, and NaN and the infinities are neither.
CASE
    WHEN typeof(:value) IN ('string', 'boolean') THEN CASE
        WHEN lower(:text) IN ('true', 't', '1', 'yes', 'y') THEN TRUE
        WHEN lower(:text) IN ('false', 'f', '0', 'no', 'n') THEN FALSE
    END
    WHEN abs(TRY_CAST(:text AS DOUBLE)) < CAST('Infinity' AS DOUBLE) THEN TRY_CAST(:text AS DOUBLE) <> 0
END
