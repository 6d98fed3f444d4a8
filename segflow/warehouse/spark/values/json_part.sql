-- The value of a key of an object, whose text is `text`, as JSON.
transform(
    array(:text, NULL),
    it -> CASE
        WHEN it IS NULL THEN NULL
        WHEN :is_number OR it RLIKE r'^[\[{]' OR it IN ('true', 'false') THEN it
        ELSE substr(to_json(named_struct('v', it)), 6, length(to_json(named_struct('v', it))) - 6)
    END
)[0]
