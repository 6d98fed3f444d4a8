-- A pair of a JSON object.
CASE
    WHEN :value IS NULL THEN concat(:key, 'null')
    WHEN typeof(:value) LIKE 'timestamp%' THEN concat(:key, '"', CAST(:value AS STRING), '"')
    ELSE substr(:pair, 2, greatest(length(:pair) - 2, 0))
END
