-- Only for whole numbers: anything else is asked of the time itself.
CASE
    WHEN typeof(:value) IN ('int', 'bigint')
        THEN TRY_CAST(CAST(:value AS STRING) AS BIGINT) >= CAST(floor(unix_micros(CAST(:time AS TIMESTAMP)) / :unit) AS BIGINT)
    ELSE TRUE
END
