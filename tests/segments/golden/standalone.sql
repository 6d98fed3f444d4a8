with facts__lists as (
    WITH rows_seen AS (
        SELECT
            contact_id,
            name,
            "at",
            coalesce(status, known, 'subscribed') AS status
        FROM (
            SELECT
                *,
                row_number() OVER (PARTITION BY contact_id, name ORDER BY "at" DESC, rank DESC, hop DESC, status DESC) AS newest,
                max(status) OVER (PARTITION BY contact_id, name) AS known
            FROM (
                SELECT
                    CAST(contact_id AS TEXT) AS contact_id,
                    {{ segflow_text('list_name') }} AS name,
                    TRUE AS present,
                    coalesce(lower(trim({{ segflow_text('stands') }})), '') AS status,
                    {{ segflow_utc_time('added_at') }} AS "at",
                    0 AS rank,
                    0 AS hop
                FROM {{ ref('stg_lists') }} AS members
                WHERE
                    contact_id IS NOT NULL AND (
                        {{ segflow_utc_time('added_at') }} <= {{ segflow_bound('as_of') }} OR {{ segflow_utc_time('added_at') }} IS NULL
                    )
                UNION ALL
                SELECT
                    contact_id,
                    name,
                    value = 'add' AS present,
                    CAST(NULL AS TEXT) AS status,
                    "at",
                    1 AS rank,
                    ordinal AS hop
                FROM {{ source('segflow', 'contact_imports') }} AS imports
                WHERE
                    kind = 'list' AND "at" <= {{ segflow_bound('as_of') }}
                UNION ALL
                SELECT
                    contact_id,
                    name,
                    value = 'add' AS present,
                    CAST(NULL AS TEXT) AS status,
                    "at",
                    2 AS rank,
                    hop AS hop
                FROM {{ source('segflow', 'contact_updates') }} AS updates
                WHERE
                    kind = 'list' AND "at" <= {{ segflow_bound('as_of') }}
            ) AS changes
        ) AS ranked
        WHERE
            newest = 1 AND present
    )
    SELECT
        CAST(contact_id AS TEXT) AS contact_id,
        max(CASE WHEN name = 'newsletter' THEN 1 ELSE 0 END) = 1 AS name_is_newsletter_2b448d,
        max(
            CASE
                WHEN name = 'newsletter' AND "at" > {{ segflow_bound('as_of - 7 days') }} AND "at" <= {{ segflow_bound('as_of') }}
                THEN 1
                ELSE 0
            END
        ) = 1 AS name_is_newsletter_in_7_days_at_to_as_of_b6ea49,
        max(
            CASE
                WHEN name IS NOT NULL
                AND "at" >= CAST('2026-03-29 00:00:00' AS TIMESTAMP)
                AND "at" < CAST('2026-03-29 23:00:00' AS TIMESTAMP)
                THEN 1
                ELSE 0
            END
        ) = 1 AS name_is_set_at_from_2026_03_29_00_00_00_00_0_8658dc,
        max(CASE WHEN name = 'newsletter' AND "at" >= CAST('2026-03-29 00:00:00' AS TIMESTAMP) THEN 1 ELSE 0 END) = 1 AS name_is_newsletter_at_from_2026_03_29_00_00_08400f,
        max(
            CASE
                WHEN name = 'newsletter'
                AND status = 'subscribed'
                AND "at" > {{ segflow_bound('as_of - 7 days') }}
                AND "at" <= {{ segflow_bound('as_of') }}
                THEN 1
                ELSE 0
            END
        ) = 1 AS name_is_newsletter_status_is_subscribed_in_7_c697dd,
        max(CASE WHEN name = 'newsletter' AND status IN ('pending', 'unsubscribed') THEN 1 ELSE 0 END) = 1 AS name_is_newsletter_status_in_pending_unsubsc_79178e,
        {{ segflow_tick_id() }} AS tick_id
    FROM rows_seen
    GROUP BY
        contact_id
),
facts__tags as (
    WITH rows_seen AS (
        SELECT
            contact_id,
            name,
            "at"
        FROM (
            SELECT
                *,
                row_number() OVER (PARTITION BY contact_id, name ORDER BY "at" DESC, rank DESC, hop DESC) AS newest
            FROM (
                SELECT
                    CAST(contact_id AS TEXT) AS contact_id,
                    {{ segflow_text('tag') }} AS name,
                    TRUE AS present,
                    CAST(NULL AS TIMESTAMP) AS "at",
                    0 AS rank,
                    0 AS hop
                FROM {{ ref('stg_tags') }} AS members
                WHERE
                    contact_id IS NOT NULL
                UNION ALL
                SELECT
                    contact_id,
                    name,
                    value = 'add' AS present,
                    "at",
                    2 AS rank,
                    hop AS hop
                FROM {{ source('segflow', 'contact_updates') }} AS updates
                WHERE
                    kind = 'tag' AND "at" <= {{ segflow_bound('as_of') }}
            ) AS changes
        ) AS ranked
        WHERE
            newest = 1 AND present
    )
    SELECT
        CAST(contact_id AS TEXT) AS contact_id,
        max(CASE WHEN name = 'it''s {{ '{{' }} complicated }}' THEN 1 ELSE 0 END) = 1 AS name_is_it_s_complicated_812c0a,
        max(CASE WHEN name IS NOT NULL THEN 1 ELSE 0 END) = 1 AS name_is_set_1ec925,
        {{ segflow_tick_id() }} AS tick_id
    FROM rows_seen
    GROUP BY
        contact_id
),
segment__londoners as (
    SELECT
        contacts.contact_id
    FROM {{ ref('segflow__contacts') }} AS contacts
    WHERE
        contacts.city = 'London'
),
segment__lists_tags_segments as (
    SELECT
        contacts.contact_id
    FROM {{ ref('segflow__contacts') }} AS contacts
    LEFT JOIN facts__lists AS facts__lists
        ON facts__lists.contact_id = contacts.contact_id
    LEFT JOIN facts__tags AS facts__tags
        ON facts__tags.contact_id = contacts.contact_id
    LEFT JOIN segment__londoners AS segment__londoners
        ON segment__londoners.contact_id = contacts.contact_id
    WHERE
        facts__lists.name_is_newsletter_2b448d
        AND NOT coalesce(facts__tags.name_is_it_s_complicated_812c0a, FALSE)
        AND segment__londoners.contact_id IS NOT NULL
        AND facts__lists.name_is_newsletter_in_7_days_at_to_as_of_b6ea49
        AND facts__lists.name_is_set_at_from_2026_03_29_00_00_00_00_0_8658dc
        AND facts__lists.name_is_newsletter_at_from_2026_03_29_00_00_08400f
        AND facts__tags.name_is_set_1ec925
        AND facts__lists.name_is_newsletter_status_is_subscribed_in_7_c697dd
        AND NOT coalesce(facts__lists.name_is_newsletter_status_in_pending_unsubsc_79178e, FALSE)
)
select contact_id from segment__lists_tags_segments
