-- A text of at most 18 digits, a point and more digits. Read in two halves: DuckDB takes 10 microseconds to read a text
-- as a decimal of more than 18 digits, and half of one this way.
CAST(TRY_CAST(split_part(:value, '.', 1) AS BIGINT) AS DECIMAL(38, 12))
+ CAST((TRY_CAST(rpad(left(split_part(:value, '.', 2), 13), 13, '0') AS BIGINT) + 5) // 10 AS DECIMAL(38, 0))
* 0.000000000001 * CASE WHEN :value LIKE '-%' THEN -1 ELSE 1 END
