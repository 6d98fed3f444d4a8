-- The texts of a JSON array, numbers as briefly as they can be written; null for what is no array. Only a number is read
-- as a double.
CASE
    WHEN :value LIKE '[%' THEN transform(
        from_json(:value, 'array<string>'),
        (it, place) -> CASE
            WHEN get(from_json(:value, 'array<double>'), place) IS NULL THEN it
            ELSE :brief
        END
    )
END
