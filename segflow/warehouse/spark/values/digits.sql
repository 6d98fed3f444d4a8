-- The text of a number with an exponent, of at most three digits, without it: 1500 for 1.5e3.
concat(
    CASE WHEN :text LIKE '-%' THEN '-' ELSE '' END,
    CASE
        WHEN :text RLIKE '[eE]-' THEN concat(
            left(:whole, length(:whole) - :places), '.', right(:whole, :places),
            regexp_extract(:text, r'\.([0-9]*)', 1)
        )
        ELSE concat(
            regexp_extract(:text, '^[+-]?([0-9]*)', 1),
            left(rpad(regexp_extract(:text, r'\.([0-9]*)', 1), greatest(:places, length(regexp_extract(:text, r'\.([0-9]*)', 1))), '0'), :places),
            '.',
            substr(regexp_extract(:text, r'\.([0-9]*)', 1), :places + 1)
        )
    END
)
