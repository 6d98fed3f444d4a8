-- The instant that a text names. The session's zone, UTC, is that of a text without an offset.
CASE
    WHEN :text RLIKE :form THEN CAST(
        TRY_CAST(
            regexp_replace(
                regexp_replace(:text, r'^\s+|\s+$', ''), r'(:.*[+-][0-9]{2})([0-9]{2})$', '$1:$2'
            ) AS TIMESTAMP
        ) AS TIMESTAMP_NTZ
    )
END
