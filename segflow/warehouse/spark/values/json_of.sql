-- A document as text: a text as it is, and what is a struct, a map or a list as JSON.
CASE
    WHEN typeof(:value) = 'string' THEN CAST(:value AS STRING)
    ELSE from_json(to_json(named_struct('value', :value)), 'map<string,string>')['value']
END
