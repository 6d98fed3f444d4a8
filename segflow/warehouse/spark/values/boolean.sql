-- Any value as true or false; blanks around a text are no part of it, and NaN is neither.
CASE
    WHEN typeof(:value) IN ('string', 'boolean') THEN CASE
        WHEN lower(:text) IN ('true', 't', '1', 'yes', 'y') THEN TRUE
        WHEN lower(:text) IN ('false', 'f', '0', 'no', 'n') THEN FALSE
    END
    WHEN isnan(TRY_CAST(:text AS DOUBLE)) THEN NULL
    ELSE TRY_CAST(:text AS DOUBLE) <> 0
END
