-- Any value as text. A number is written as briefly as it can be, so that one value has one text in columns of every
-- type: 2, not 2.0 or 2.00.
CASE
    WHEN typeof(:value) IN ('double', 'float') THEN :brief
    WHEN typeof(:value) LIKE 'decimal(%' THEN regexp_replace(:text, r'(\.[0-9]*[1-9])0+$|\.0+$', '$1')
    ELSE :text
END
