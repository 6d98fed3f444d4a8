-- Any value as a time in UTC, which is the session's zone. Spark alone would read a year, an hour, or the name of a
-- zone, which it would pass over.
CASE
    WHEN typeof(:value) IN ('timestamp', 'timestamp_ntz', 'date') THEN TRY_CAST(:value AS TIMESTAMP_NTZ)
    WHEN typeof(:value) = 'string' AND CAST(:value AS STRING) RLIKE :form
        THEN TRY_CAST(regexp_replace(CAST(:value AS STRING), r'^\s+|\s+$', '') AS TIMESTAMP_NTZ)
END
