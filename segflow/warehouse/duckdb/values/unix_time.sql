-- A number of units since 1970 as a time. The branch is chosen when the statement is bound. A whole number is multiplied
-- as it is, which is what tables of events mostly hold; what lies beyond the calendar's years 1 to 9999 is null first.
make_timestamp(
    CASE
        WHEN typeof(:value) IN ('INTEGER', 'UINTEGER', 'BIGINT', 'UBIGINT', 'HUGEINT') THEN
            CASE
                WHEN TRY_CAST(:value AS BIGINT) BETWEEN -62135596800000000 // :unit AND 253402300799999999 // :unit
                    THEN TRY_CAST(:value AS BIGINT)
            END * :unit
        WHEN :number >= -62135596800000000 // :unit AND :number < 253402300800000000 // :unit
            THEN CAST(CAST(:number AS DECIMAL(38, 6)) * :unit AS BIGINT)
    END
)
