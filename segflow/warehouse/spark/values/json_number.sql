-- Is a value a number, by its text in a marked document?
:mark RLIKE '^-?[0-9NI]'
