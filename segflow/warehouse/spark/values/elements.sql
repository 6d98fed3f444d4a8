-- The texts of a JSON array, numbers as briefly as they can be written; null for what is no array.
CASE
    WHEN ltrim(' \t\n\r', :value) LIKE '[%' THEN transform(
        from_json(:value, 'array<string>'),
        (it, place) -> CASE
            WHEN get(from_json(:marked, 'array<string>'), place) RLIKE '^-?[0-9NI]' THEN :brief
            ELSE it
        END
    )
END
