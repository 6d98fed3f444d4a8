-- The digits before the point, with as many zeros before them as a negative exponent needs.
lpad(
    regexp_extract(:text, '^[+-]?([0-9]*)', 1),
    greatest(length(regexp_extract(:text, '^[+-]?([0-9]*)', 1)), :places + 1),
    '0'
)
