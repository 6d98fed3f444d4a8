-- The texts of a JSON array. To look at each of its parts takes ten times as long as to cast it, so that is done only
-- where one of them may be a number that can be written more briefly.
CASE
    WHEN regexp_matches(CAST(:array AS VARCHAR), '[0-9][.eE]|NaN|Infinity') THEN :each
    ELSE TRY_CAST(:array AS VARCHAR[])
END
