-- The text that a key leads to in an object; a number as briefly as it can be written.
CASE WHEN :is_number THEN :brief ELSE :text END
