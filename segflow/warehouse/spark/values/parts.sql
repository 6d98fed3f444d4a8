-- The elements of a JSON array as texts; null for what is no array.
CASE WHEN ltrim(' \t\n\r', :value) LIKE '[%' THEN from_json(:value, 'array<string>') END
