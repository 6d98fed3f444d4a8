-- What segflow's words mean on Postgres. A function for each word, overloaded by the type of what it reads, so that the
-- form is chosen when a statement is bound; the short ones are written out in place by the planner. Every word is
-- immutable, because the session's zone is UTC and its dates are ISO.

-- Numbers ------------------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION segflow.number(value NUMERIC) RETURNS NUMERIC LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN value IN ('NaN', 'Infinity', '-Infinity') THEN NULL
    WHEN abs(value) >= 100000000000000000000 THEN sign(value) * 100000000000000000000
    ELSE round(value, 12)
END;

CREATE OR REPLACE FUNCTION segflow.number(value BIGINT) RETURNS NUMERIC LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CAST(value AS NUMERIC(38, 12));

CREATE OR REPLACE FUNCTION segflow.number(value INTEGER) RETURNS NUMERIC LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CAST(value AS NUMERIC(38, 12));

CREATE OR REPLACE FUNCTION segflow.number(value SMALLINT) RETURNS NUMERIC LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CAST(value AS NUMERIC(38, 12));

CREATE OR REPLACE FUNCTION segflow.number(value BOOLEAN) RETURNS NUMERIC LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CAST(CAST(value AS INTEGER) AS NUMERIC(38, 12));

-- Postgres writes a double as the shortest text that is read as the same double.
CREATE OR REPLACE FUNCTION segflow.number(value DOUBLE PRECISION) RETURNS NUMERIC LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN segflow.number(CAST(CAST(value AS TEXT) AS NUMERIC));

CREATE OR REPLACE FUNCTION segflow.number(value REAL) RETURNS NUMERIC LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN segflow.number(CAST(CAST(value AS TEXT) AS NUMERIC));

-- The pattern keeps out what only Postgres reads as a number (0x1F) and what is none (NaN); whatever it lets in is one,
-- so that the cast of a literal, which the planner tries before it looks at the condition, does not fail.
CREATE OR REPLACE FUNCTION segflow.number(value TEXT) RETURNS NUMERIC LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN value ~ '^\s*[+-]?([0-9]+(_[0-9]+)*\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?\s*$'
        THEN segflow.number(CAST(value AS NUMERIC))
END;

CREATE OR REPLACE FUNCTION segflow.number(value ANYELEMENT) RETURNS NUMERIC LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT CAST(NULL AS NUMERIC) $$;

-- The quotient of a sum and a count to 12 places, and a 13th that says on which side of it the rest lies.
CREATE OR REPLACE FUNCTION segflow.average_of(total NUMERIC, counted BIGINT) RETURNS NUMERIC
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $function$
DECLARE
    scaled NUMERIC := total * 1000000000000;
    nearest NUMERIC;
BEGIN
    IF total IS NULL OR counted = 0 THEN
        RETURN NULL;
    END IF;
    nearest := sign(scaled) * div(2 * abs(scaled) + counted, 2 * counted);
    RETURN nearest * 0.0000000000010 + sign(scaled - nearest * counted) * 0.0000000000001;
END
$function$;

CREATE OR REPLACE FUNCTION segflow.finite(value NUMERIC) RETURNS BOOLEAN LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN value NOT IN ('NaN', 'Infinity', '-Infinity');

CREATE OR REPLACE FUNCTION segflow.finite(value DOUBLE PRECISION) RETURNS BOOLEAN LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN value NOT IN ('NaN', 'Infinity', '-Infinity');

-- Booleans and texts -------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION segflow.boolean(value BOOLEAN) RETURNS BOOLEAN LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN value;

CREATE OR REPLACE FUNCTION segflow.boolean(value TEXT) RETURNS BOOLEAN LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN lower(btrim(value, E' \t\n\v\f\r')) IN ('true', 't', '1', 'yes', 'y') THEN TRUE
    WHEN lower(btrim(value, E' \t\n\v\f\r')) IN ('false', 'f', '0', 'no', 'n') THEN FALSE
END;

CREATE OR REPLACE FUNCTION segflow.boolean(value ANYELEMENT) RETURNS BOOLEAN LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT segflow.number(value) <> 0 $$;

CREATE OR REPLACE FUNCTION segflow.text(value TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN value;

CREATE OR REPLACE FUNCTION segflow.text(value BIGINT) RETURNS TEXT LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CAST(value AS TEXT);

CREATE OR REPLACE FUNCTION segflow.text(value INTEGER) RETURNS TEXT LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CAST(value AS TEXT);

CREATE OR REPLACE FUNCTION segflow.text(value SMALLINT) RETURNS TEXT LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CAST(value AS TEXT);

CREATE OR REPLACE FUNCTION segflow.text(value NUMERIC) RETURNS TEXT LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN segflow.finite(value) THEN CAST(trim_scale(value) AS TEXT) END;

CREATE OR REPLACE FUNCTION segflow.text(value DOUBLE PRECISION) RETURNS TEXT LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN NOT segflow.finite(value) THEN NULL
    WHEN value = 0 THEN '0'
    WHEN abs(value) < 1e20 THEN CAST(trim_scale(round(CAST(CAST(value AS TEXT) AS NUMERIC), 15)) AS TEXT)
    ELSE CAST(value AS TEXT)
END;

CREATE OR REPLACE FUNCTION segflow.text(value REAL) RETURNS TEXT LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN value IN ('NaN', 'Infinity', '-Infinity') THEN NULL
    WHEN value = 0 THEN '0'
    WHEN abs(value) < 1e20 THEN CAST(trim_scale(round(CAST(CAST(value AS TEXT) AS NUMERIC), 15)) AS TEXT)
    ELSE CAST(value AS TEXT)
END;

CREATE OR REPLACE FUNCTION segflow.text(value ANYELEMENT) RETURNS TEXT LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT CAST(value AS TEXT) $$;

-- What a letter is, and how it is written small, must not hang on the database's locale.
CREATE OR REPLACE FUNCTION segflow.lower(value TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN lower(value COLLATE pg_c_utf8);

CREATE OR REPLACE FUNCTION segflow.plain_id(value TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ltrim(
    regexp_replace(
        regexp_replace(
            CASE
                WHEN lower(value) ~ '^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)e[+]?[0-9]{1,2}$'
                    THEN CAST(round(CAST(value AS NUMERIC)) AS TEXT)
                ELSE segflow.lower(value)
            END,
            '[.,]0*$', ''
        ),
        CAST('[^[:alnum:]]' AS TEXT) COLLATE pg_c_utf8, '', 'g'
    ),
    '0'
);

CREATE OR REPLACE FUNCTION segflow.ends_with(value TEXT, ending TEXT) RETURNS BOOLEAN
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN right(value, length(ending)) = ending;

-- Jaro's likeness of two texts, more where they begin alike (Winkler): of names of columns and contacts, a few at once.
CREATE OR REPLACE FUNCTION segflow.similarity(one TEXT, other TEXT) RETURNS DOUBLE PRECISION
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $function$
DECLARE
    a TEXT[] := string_to_array(one, NULL);
    b TEXT[] := string_to_array(other, NULL);
    m INTEGER := coalesce(array_length(a, 1), 0);
    n INTEGER := coalesce(array_length(b, 1), 0);
    reach INTEGER := greatest(greatest(m, n) / 2 - 1, 0);
    taken BOOLEAN[] := array_fill(FALSE, ARRAY[greatest(n, 1)]);
    mine TEXT[] := '{}';
    theirs TEXT[] := '{}';
    alike DOUBLE PRECISION;
    turned INTEGER := 0;
    same INTEGER := 0;
BEGIN
    IF m = 0 AND n = 0 THEN
        RETURN 1;
    END IF;
    FOR i IN 1..m LOOP
        FOR j IN greatest(1, i - reach)..least(n, i + reach) LOOP
            IF NOT taken[j] AND a[i] = b[j] THEN
                taken[j] := TRUE;
                mine := mine || a[i];
                EXIT;
            END IF;
        END LOOP;
    END LOOP;
    FOR j IN 1..n LOOP
        IF taken[j] THEN
            theirs := theirs || b[j];
        END IF;
    END LOOP;
    IF cardinality(mine) = 0 THEN
        RETURN 0;
    END IF;
    FOR i IN 1..cardinality(mine) LOOP
        IF mine[i] <> theirs[i] THEN
            turned := turned + 1;
        END IF;
    END LOOP;
    alike := (
        cardinality(mine)::DOUBLE PRECISION / m + cardinality(mine)::DOUBLE PRECISION / n
        + (cardinality(mine) - turned / 2)::DOUBLE PRECISION / cardinality(mine)
    ) / 3;
    WHILE same < least(4, m, n) AND a[same + 1] = b[same + 1] LOOP
        same := same + 1;
    END LOOP;
    RETURN CASE WHEN alike > 0.7 THEN alike + same * 0.1 * (1 - alike) ELSE alike END;
END
$function$;

-- Times --------------------------------------------------------------------------------------------------------------

-- A text as a time without its offset. Postgres alone would read `now` and `tomorrow`, and round the seventh digit,
-- which can be the next day.
CREATE OR REPLACE FUNCTION segflow.plain_time(value TEXT) RETURNS TIMESTAMP LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN value ~ '^\s*\d{1,6}[-/]\d{1,2}[-/]\d{1,2}([ T]\d{1,2}:\d{2}(:\d{2}(\.\d*)?)?\s*(Z|UTC|[+-]\d\d(:?\d\d)?)?)?\s*$'
        AND pg_input_is_valid(
            regexp_replace(regexp_replace(value, '(:\d{2})\s*(Z|UTC|[+-]\d\d(:?\d\d)?)?\s*$', '\1'), '(\.\d{1,6})\d*.*$', '\1'),
            'timestamp'
        )
        THEN CAST(
            regexp_replace(regexp_replace(value, '(:\d{2})\s*(Z|UTC|[+-]\d\d(:?\d\d)?)?\s*$', '\1'), '(\.\d{1,6})\d*.*$', '\1')
            AS TIMESTAMP
        )
    WHEN btrim(value) IN ('infinity', '-infinity', 'epoch') THEN CAST(btrim(value) AS TIMESTAMP)
END;

CREATE OR REPLACE FUNCTION segflow.utc_time(value TIMESTAMP) RETURNS TIMESTAMP LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN value;

CREATE OR REPLACE FUNCTION segflow.utc_time(value TIMESTAMPTZ) RETURNS TIMESTAMP LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN value AT TIME ZONE 'UTC';

CREATE OR REPLACE FUNCTION segflow.utc_time(value DATE) RETURNS TIMESTAMP LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CAST(value AS TIMESTAMP);

CREATE OR REPLACE FUNCTION segflow.utc_time(value TEXT) RETURNS TIMESTAMP LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN segflow.plain_time(value);

CREATE OR REPLACE FUNCTION segflow.utc_time(value ANYELEMENT) RETURNS TIMESTAMP LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT CAST(NULL AS TIMESTAMP) $$;

CREATE OR REPLACE FUNCTION segflow.utc_day(value ANYELEMENT) RETURNS DATE LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT CAST(segflow.utc_time(value) AS DATE) $$;

CREATE OR REPLACE FUNCTION segflow.utc_day(value TEXT) RETURNS DATE LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CAST(segflow.plain_time(value) AS DATE);

CREATE OR REPLACE FUNCTION segflow.time_of_text(value TEXT) RETURNS TIMESTAMP LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN value ~ ':.*([zZ]|[+-]\d\d(:?\d\d)?)\s*$'
        THEN segflow.plain_time(regexp_replace(value, '([zZ]|[+-]\d\d(:?\d\d)?)\s*$', ''))
            - CASE
                WHEN value ~ '[zZ]\s*$' THEN interval '0'
                ELSE make_interval(
                    mins => CAST(substring(value FROM '([+-])\d\d(?::?\d\d)?\s*$') || '1' AS INTEGER) * (
                        60 * CAST(substring(value FROM '[+-](\d\d)(?::?\d\d)?\s*$') AS INTEGER)
                        + CAST(coalesce(substring(value FROM '[+-]\d\d:?(\d\d)\s*$'), '0') AS INTEGER)
                    )
                )
            END
    ELSE segflow.plain_time(value)
END;

CREATE OR REPLACE FUNCTION segflow.time_of_microseconds(value BIGINT) RETURNS TIMESTAMP
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN TIMESTAMP '1970-01-01' + make_interval(days => CAST(value / 86400000000 AS INTEGER))
    + interval '1 microsecond' * (value % 86400000000);

-- A number of units since 1970, of so many microseconds each. What lies beyond the years 1 to 9999 is null.
CREATE OR REPLACE FUNCTION segflow.unix_time(value NUMERIC, unit BIGINT) RETURNS TIMESTAMP
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN value NOT IN ('NaN', 'Infinity', '-Infinity')
        AND value >= div(-62135596800000000, unit) AND value < div(253402300800000000, unit)
        THEN segflow.time_of_microseconds(CAST(round(value, 6) * unit AS BIGINT))
END;

CREATE OR REPLACE FUNCTION segflow.unix_time(value TEXT, unit BIGINT) RETURNS TIMESTAMP
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN segflow.unix_time(segflow.number(value), unit);

CREATE OR REPLACE FUNCTION segflow.unix_time(value BOOLEAN, unit BIGINT) RETURNS TIMESTAMP
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CAST(NULL AS TIMESTAMP);

CREATE OR REPLACE FUNCTION segflow.unix_time(value BIGINT, unit BIGINT) RETURNS TIMESTAMP
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN segflow.unix_time(segflow.number(value), unit);

CREATE OR REPLACE FUNCTION segflow.unix_time(value INTEGER, unit BIGINT) RETURNS TIMESTAMP
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN segflow.unix_time(segflow.number(value), unit);

CREATE OR REPLACE FUNCTION segflow.unix_time(value SMALLINT, unit BIGINT) RETURNS TIMESTAMP
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN segflow.unix_time(segflow.number(value), unit);

CREATE OR REPLACE FUNCTION segflow.unix_time(value DOUBLE PRECISION, unit BIGINT) RETURNS TIMESTAMP
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN segflow.unix_time(segflow.number(value), unit);

CREATE OR REPLACE FUNCTION segflow.unix_time(value REAL, unit BIGINT) RETURNS TIMESTAMP
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN segflow.unix_time(segflow.number(value), unit);

CREATE OR REPLACE FUNCTION segflow.unix_time(value ANYELEMENT, unit BIGINT) RETURNS TIMESTAMP
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT CAST(NULL AS TIMESTAMP) $$;

CREATE OR REPLACE FUNCTION segflow.unix_reaches(value BIGINT, moment TIMESTAMP, unit BIGINT) RETURNS BOOLEAN
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN value >= CAST(floor(extract(EPOCH FROM moment) * 1000000 / unit) AS BIGINT);

CREATE OR REPLACE FUNCTION segflow.unix_reaches(value INTEGER, moment TIMESTAMP, unit BIGINT) RETURNS BOOLEAN
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN value >= CAST(floor(extract(EPOCH FROM moment) * 1000000 / unit) AS BIGINT);

CREATE OR REPLACE FUNCTION segflow.unix_reaches(value TEXT, moment TIMESTAMP, unit BIGINT) RETURNS BOOLEAN
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN TRUE;

CREATE OR REPLACE FUNCTION segflow.unix_reaches(value ANYELEMENT, moment TIMESTAMP, unit BIGINT) RETURNS BOOLEAN
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT TRUE $$;

CREATE OR REPLACE FUNCTION segflow.later(moment TIMESTAMP, seconds DOUBLE PRECISION) RETURNS TIMESTAMP
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN moment + make_interval(secs => seconds);

CREATE OR REPLACE FUNCTION segflow.microseconds_between(earlier TIMESTAMP, later TIMESTAMP) RETURNS BIGINT
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CAST(extract(EPOCH FROM later - earlier) * 1000000 AS BIGINT);

CREATE OR REPLACE FUNCTION segflow.iso_time(moment TIMESTAMP) RETURNS TEXT LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_char(moment, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');

-- JSON and lists -----------------------------------------------------------------------------------------------------

-- Not one expression: the planner would cast a literal before it asks whether it can be.
CREATE OR REPLACE FUNCTION segflow.json_of(value TEXT) RETURNS JSONB LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $function$
BEGIN
    IF pg_input_is_valid(value, 'jsonb') THEN
        RETURN CAST(value AS JSONB);
    END IF;
    RETURN NULL;
END
$function$;

CREATE OR REPLACE FUNCTION segflow.json_of(value JSONB) RETURNS JSONB LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN value;

CREATE OR REPLACE FUNCTION segflow.json_of(value JSON) RETURNS JSONB LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN segflow.json_of(CAST(value AS TEXT));

CREATE OR REPLACE FUNCTION segflow.json_of(value ANYELEMENT) RETURNS JSONB LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT to_jsonb(value) $$;

CREATE OR REPLACE FUNCTION segflow.json_part(document JSONB, key TEXT) RETURNS JSONB LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN document -> key;

CREATE OR REPLACE FUNCTION segflow.json_text(document JSONB, key TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN document ->> key;

CREATE OR REPLACE FUNCTION segflow.numeral(value TEXT, part JSONB) RETURNS TEXT LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN jsonb_typeof(part) = 'number' THEN segflow.text(CAST(CAST(part AS TEXT) AS NUMERIC))
    ELSE value
END;

CREATE OR REPLACE FUNCTION segflow.json_texts(document JSONB, keys TEXT[]) RETURNS TEXT[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $function$
WITH RECURSIVE steps (value, depth, places) AS (
    SELECT document, 0, CAST('{}' AS BIGINT[])
    UNION ALL
    SELECT found.value, found.depth, places || found.place
    FROM steps
    CROSS JOIN LATERAL (
        SELECT item.value, steps.depth, item.place
        FROM jsonb_array_elements(CASE WHEN jsonb_typeof(steps.value) = 'array' THEN steps.value ELSE '[]' END)
            WITH ORDINALITY AS item (value, place)
        UNION ALL
        SELECT steps.value -> keys[steps.depth + 1], steps.depth + 1, 1
        WHERE jsonb_typeof(steps.value) = 'object' AND steps.depth < cardinality(keys)
    ) AS found (value, depth, place)
)
SELECT coalesce(array_agg(segflow.numeral(value #>> '{}', value) ORDER BY places), '{}')
FROM steps
WHERE depth = cardinality(keys) AND jsonb_typeof(value) NOT IN ('array', 'null')
$function$;

CREATE OR REPLACE FUNCTION segflow.list_of_text(value TEXT) RETURNS TEXT[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN jsonb_typeof(segflow.json_of(value)) = 'array' THEN segflow.json_texts(segflow.json_of(value), '{}')
END;

CREATE OR REPLACE FUNCTION segflow.list_of_text(value JSONB) RETURNS TEXT[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN jsonb_typeof(value) = 'array' THEN segflow.json_texts(value, '{}') END;

CREATE OR REPLACE FUNCTION segflow.list_of_text(value TEXT[]) RETURNS TEXT[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN array_remove(value, NULL);

CREATE OR REPLACE FUNCTION segflow.list_of_text(value ANYARRAY) RETURNS TEXT[] LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT segflow.json_texts(to_jsonb(value), '{}') $$;

CREATE OR REPLACE FUNCTION segflow.list_lower(texts TEXT[]) RETURNS TEXT[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    SELECT CASE WHEN texts IS NOT NULL THEN coalesce(array_agg(segflow.lower(each.value) ORDER BY each.place), '{}') END
    FROM unnest(texts) WITH ORDINALITY AS each (value, place)
);

CREATE OR REPLACE FUNCTION segflow.list_contains(items ANYCOMPATIBLEARRAY, value ANYCOMPATIBLE) RETURNS BOOLEAN
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT CASE WHEN items IS NOT NULL AND value IS NOT NULL THEN array_position(items, value) IS NOT NULL END $$;

CREATE OR REPLACE FUNCTION segflow.json_pair(name TEXT, value TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CAST(to_json(name) AS TEXT) || ':' || coalesce(CAST(to_json(value) AS TEXT), 'null');

CREATE OR REPLACE FUNCTION segflow.json_pair(name TEXT, value TIMESTAMP) RETURNS TEXT
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN segflow.json_pair(name, CAST(value AS TEXT));

CREATE OR REPLACE FUNCTION segflow.json_pair(name TEXT, value ANYELEMENT) RETURNS TEXT
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT CAST(to_json(name) AS TEXT) || ':' || coalesce(CAST(to_json(value) AS TEXT), 'null') $$;

-- Casts that give null where they cannot -----------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION segflow.try_bigint(value ANYELEMENT) RETURNS BIGINT LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE
    WHEN segflow.number(value) BETWEEN -9223372036854775808 AND 9223372036854775807
        THEN CAST(round(segflow.number(value)) AS BIGINT)
END
$$;

CREATE OR REPLACE FUNCTION segflow.try_bigint(value TEXT) RETURNS BIGINT LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN segflow.number(value) BETWEEN -9223372036854775808 AND 9223372036854775807
        THEN CAST(round(segflow.number(value)) AS BIGINT)
END;

CREATE OR REPLACE FUNCTION segflow.try_double(value TEXT) RETURNS DOUBLE PRECISION
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $function$
BEGIN
    IF pg_input_is_valid(value, 'double precision') THEN
        RETURN CAST(value AS DOUBLE PRECISION);
    END IF;
    RETURN NULL;
END
$function$;

CREATE OR REPLACE FUNCTION segflow.try_double(value ANYELEMENT) RETURNS DOUBLE PRECISION
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT segflow.try_double(CAST(value AS TEXT)) $$;
