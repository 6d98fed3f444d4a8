-- Any value as text without blanks around it; true and false are 1 and 0.
CASE
    WHEN typeof(:value) = 'boolean' THEN CASE CAST(:value AS STRING) WHEN 'true' THEN '1' WHEN 'false' THEN '0' END
    ELSE regexp_replace(CAST(:value AS STRING), r'^\s+|\s+$', '')
END
