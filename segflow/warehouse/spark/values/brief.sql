-- The text of a number, as briefly as it can be written; null for what is none.
CASE
    WHEN :text IN ('NaN', 'Infinity', '-Infinity') THEN NULL
    WHEN :text RLIKE '[eE]' THEN CASE WHEN abs(TRY_CAST(:text AS DOUBLE)) < CAST(1e20 AS DOUBLE) THEN :written_out ELSE :text END
    ELSE regexp_replace(regexp_replace(:text, r'(\.[0-9]*[1-9])0+$|\.0+$', '$1'), '^-0$', '0')
END
