select contact_id from {{ ref('stg_contacts') }} where cast(code as integer) % 3 = 0
