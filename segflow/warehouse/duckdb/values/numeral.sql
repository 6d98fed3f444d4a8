-- The text of a part of a document; a number as briefly as it can be written. Few texts look as if they could be written
-- more briefly, and only of these it is asked whether they are numbers.
CASE
    WHEN (
        suffix(:text, '.0') OR contains(:text, 'e+') OR contains(:text, 'e-')
        OR :text IN ('NaN', 'Infinity', '-Infinity', 'nan', 'inf', '-inf')
    ) AND json_type(:part) = 'DOUBLE' THEN :brief
    ELSE :text
END
