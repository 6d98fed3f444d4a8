-- The value of a key of an object, whose text is `text`, as JSON.
CASE
    WHEN :is_number OR :text RLIKE r'^[\[{]' OR :text IN ('true', 'false') THEN :text
    ELSE substr(to_json(named_struct('v', :text)), 6, greatest(length(to_json(named_struct('v', :text))) - 6, 0))
END
