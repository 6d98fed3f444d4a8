-- Is the value of a key of an object a number? Only such a one is read as a double.
try_element_at(from_json(:document, 'map<string,double>'), :key) IS NOT NULL
