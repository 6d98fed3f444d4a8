-- The text that a key leads to in an object; a number as briefly as it can be written.
CASE
    WHEN try_element_at(from_json(:document, 'map<string,double>'), :key) IS NULL THEN :text
    ELSE :brief
END
