-- Only for whole numbers: a filter on anything else would not reach the scan, and is asked of the time itself.
CASE
    WHEN typeof(:value) IN ('INTEGER', 'UINTEGER', 'BIGINT', 'UBIGINT', 'HUGEINT')
        THEN TRY_CAST(:value AS BIGINT) >= epoch_us(:time) // :unit
    ELSE TRUE
END
