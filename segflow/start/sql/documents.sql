-- The keys of JSON objects, and what their values look like. `temp.documents` has a row per object (kind, document).
with keys as (
    select kind, document, unnest(json_keys(document)) as key
    from temp.documents
    where json_valid(document) and json_type(document) = 'OBJECT'
),

cells as (
    select
        kind,
        key,
        json_extract_string(document, '$."' || key || '"') as value,
        json_type(json_extract(document, '$."' || key || '"')) as type
    from keys
    where key not like '%"%' and key not like '%\%'
)

select
    kind,
    key,
    count(value) as filled,
    count(*) filter (where type in ('OBJECT', 'ARRAY')) as nested,
    count(*) filter (where type in ('BIGINT', 'UBIGINT', 'DOUBLE', 'HUGEINT')) as numbers,
    count(*) filter (where type = 'BOOLEAN') as booleans,
    count(*) filter (where regexp_matches(value, '^[0-9]{4}-[0-9]{2}-[0-9]{2}$')) as days,
    count(*) filter (where regexp_matches(value, '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:')) as times
from cells
group by kind, key
order by kind, filled desc, key
