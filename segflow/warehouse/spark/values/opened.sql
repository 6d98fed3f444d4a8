-- A list of JSON values in which a value that is an array stands for its elements.
flatten(transform(:list, each -> coalesce(:elements, array(each))))
