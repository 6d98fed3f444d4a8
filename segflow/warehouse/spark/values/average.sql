-- The average of numbers to 12 places, and a 13th that says on which side the rest lies: a number of 12 places is over,
-- under or equal to this value exactly when it is so to the average itself. Divided as by hand, six digits at a time,
-- because no decimal type holds what a quotient of two of them needs; `rest` is what is left of the last one.
CASE
    WHEN count(:value) > 0 THEN transform(
        array(
            aggregate(
                transform(
                    sequence(0, 6),
                    place -> CAST(
                        substr(lpad(replace(CAST(abs(sum(:value)) AS STRING), '.', ''), 42, '0'), place * 6 + 1, 6)
                        AS BIGINT
                    )
                ),
                named_struct('digits', '', 'rest', CAST(0 AS BIGINT), 'counted', count(:value), 'negative', sum(:value) < 0),
                (done, part) -> named_struct(
                    'digits',
                    concat(
                        done.digits,
                        lpad(CAST((done.rest * CAST(1000000 AS BIGINT) + part) DIV greatest(done.counted, CAST(1 AS BIGINT)) AS STRING), 6, '0')
                    ),
                    'rest',
                    coalesce(
                        (done.rest * CAST(1000000 AS BIGINT) + part) % greatest(done.counted, CAST(1 AS BIGINT)),
                        CAST(0 AS BIGINT)
                    ),
                    'counted', done.counted,
                    'negative', done.negative
                )
            )
        ),
        found -> CAST(
            concat(
                CASE WHEN found.negative THEN '-' ELSE '' END,
                left(found.digits, 30), '.', right(found.digits, 12),
                CASE
                    WHEN found.rest = 0 THEN '0'
                    WHEN found.rest * 2 < found.counted THEN '1'
                    ELSE '9'
                END
            ) AS DECIMAL(38, 13)
        )
    )[0]
END
