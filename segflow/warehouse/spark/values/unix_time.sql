-- A number of units since 1970, of so many microseconds each, as a time. What lies beyond the calendar's years 1 to 9999
-- is null; true and false are no numbers here.
CASE
    WHEN typeof(:value) <> 'boolean' AND :number >= -62135596800000000 DIV :unit AND :number < 253402300800000000 DIV :unit
        THEN CAST(
            timestamp_micros(CAST(TRY_CAST(:number AS DECIMAL(20, :places)) * :unit AS BIGINT)) AS TIMESTAMP_NTZ
        )
END
