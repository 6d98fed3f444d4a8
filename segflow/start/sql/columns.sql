-- What the values of each column look like. `temp.cells` has a row per value (name, value), blanks are null.
select
    name,
    count(*) as rows,
    count(value) as filled,
    count(distinct value) as different,
    min(value) as lowest,
    max(value) as highest,
    max(length(value)) as longest,
    count(*) filter (where regexp_matches(value, '^[+-]?[0-9]{1,18}$')) as integers,
    count(*) filter (where regexp_matches(value, '^0[0-9]+$')) as zeros,
    count(*) filter (where regexp_matches(value, '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$')) as numbers,
    count(*) filter (where regexp_matches(value, '^[0-9]+[.]0$')) as whole,
    count(*) filter (
        where regexp_matches(value, '^[+-]?([0-9]{1,3}([.][0-9]{3})+|[0-9]+)(,[0-9]+)?$')
    ) as comma_numbers,
    count(*) filter (where regexp_matches(value, ',')) as commas,
    max(length(regexp_extract(value, '^[+-]?[0-9]*[.,]([0-9]+)$', 1))) as decimals,
    max(try_cast(value as double)) as largest,
    min(try_cast(value as double)) as smallest,
    count(*) filter (
        where lower(value) in ('true', 'false', 'yes', 'no', 'y', 'n', 't', 'f', 'ja', 'nein', 'oui', 'non')
    ) as booleans,
    count(*) filter (where value in ('0', '1')) as bits,
    count(*) filter (where regexp_matches(value, '^[0-9]{4}-[0-9]{2}-[0-9]{2}$') and try_cast(value as date) is not null)
        as days,
    count(*) filter (
        where regexp_matches(value, '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]') and try_cast(value as timestamptz) is not null
    ) as times,
    count(*) filter (where regexp_matches(value, '^[0-9]{4}-.*:.*([zZ]|[+-][0-9]{2}(:?[0-9]{2})?)$')) as zoned,
    count(*) filter (where regexp_matches(value, '^[0-9A-Za-z]{1,9}[-/. ][0-9A-Za-z]{1,4}[-/., ]+[0-9]{2,4}([T ].*)?$'))
        as like_dates,
    count(*) filter (where regexp_matches(value, '^[^@ ]+@[^@ ]+[.][^@ .]+$')) as emails,
    count(*) filter (
        where regexp_matches(value, '^[+]?[0-9(][0-9 ()./-]{5,20}$')
            and length(regexp_replace(value, '[^0-9]', '', 'g')) between 7 and 15
    ) as phones,
    count(*) filter (where regexp_matches(value, '^[{]') and json_valid(value)) as documents,
    count(*) filter (where regexp_matches(value, '^([A-Z][A-Za-z]+/[A-Z][A-Za-z_/+-]+|UTC)$')) as zones
from temp.cells
group by name
