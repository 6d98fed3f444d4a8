-- Any value as a whole number, cut off at the point, by way of its text: Spark alone reads no 12.0 and no 1e3 as one.
CASE
    WHEN typeof(:value) = 'boolean' THEN CASE CAST(:value AS STRING) WHEN 'true' THEN 1 WHEN 'false' THEN 0 END
    WHEN :text RLIKE r'^[-+]?[.]?[0-9][-+.0-9eE]*$' THEN TRY_CAST(
        coalesce(TRY_CAST(:text AS DECIMAL(38, 12)), TRY_CAST(TRY_CAST(:text AS DOUBLE) AS DECIMAL(38, 12))) AS BIGINT
    )
END
