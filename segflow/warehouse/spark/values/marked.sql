-- A JSON document in which every text, names included, begins with an s: what does not is a number, true or false, or has
-- parts. A document with values of several kinds has no other form that tells them apart: Spark gives none of a map or an
-- array of which one value is no number. Signs after a backslash are written by their numbers first, so that a text ends at
-- the next quote.
regexp_replace(replace(replace(:document, r'\\', r'\u005c'), r'\"', r'\u0022'), '"([^"]*)"', '"s$1"')
