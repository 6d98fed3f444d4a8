-- Any value as text. A number is written as briefly as it can be, so that one value has one text in columns of every
-- type: 2, not 2.0 or 2.00.
CASE
    WHEN typeof(:value) IN ('double', 'float') THEN CASE
        WHEN :text IN ('NaN', 'Infinity', '-Infinity', 'inf', '-inf') THEN NULL
        WHEN TRY_CAST(:text AS DOUBLE) = 0 THEN '0'
        ELSE transform(array(:text, NULL), it -> :brief)[0]
    END
    WHEN typeof(:value) LIKE 'decimal(%' AND :text LIKE '%.%' THEN regexp_replace(:text, r'\.?0+$', '')
    ELSE :text
END
