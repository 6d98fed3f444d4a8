-- Any value as a time in UTC, which is the session's zone. Spark alone would read a year, or a year and a month.
CASE
    WHEN typeof(:value) IN ('timestamp', 'timestamp_ntz', 'date') THEN TRY_CAST(:value AS TIMESTAMP_NTZ)
    WHEN typeof(:value) = 'string' AND CAST(:value AS STRING) RLIKE r'^\s*[0-9]{1,6}-[0-9]{1,2}-[0-9]{1,2}'
        THEN TRY_CAST(regexp_replace(CAST(:value AS STRING), r'^\s+|\s+$', '') AS TIMESTAMP_NTZ)
END
