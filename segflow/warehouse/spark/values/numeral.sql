-- The text of a part of a document; a number, which alone begins so as JSON, as briefly as it can be written.
CASE WHEN :part RLIKE '^-?[0-9NI]' THEN :brief ELSE :text END
