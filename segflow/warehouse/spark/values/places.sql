-- By how many places an exponent moves the point.
TRY_CAST(regexp_extract(:text, '[eE][+-]?([0-9]{1,3})$', 1) AS INT)
