-- The number that stands for a text of one that is larger.
CASE
    WHEN :text LIKE '-%' THEN CAST('-100000000000000000000' AS DECIMAL(38, 12))
    ELSE CAST('100000000000000000000' AS DECIMAL(38, 12))
END
