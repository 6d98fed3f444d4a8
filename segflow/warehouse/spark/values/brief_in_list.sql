-- The same of an element of a list, but for exponents, which stay: what is long in a lambda takes Sail seconds to plan.
regexp_replace(:text, r'(\.[0-9]*[1-9])0+$|\.0+$', '$1')
