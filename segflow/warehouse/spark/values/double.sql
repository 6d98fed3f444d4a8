-- Any value as a double, by way of its text.
CASE
    WHEN typeof(:value) = 'boolean' THEN CASE CAST(:value AS STRING) WHEN 'true' THEN 1 WHEN 'false' THEN 0 END
    ELSE TRY_CAST(:text AS DOUBLE)
END
