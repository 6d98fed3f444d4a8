-- The shape of what is offered beside crossings, without rows.
select cast(null as varchar) as id, cast(null as varchar) as flow, cast(null as varchar) as contact_id,
    cast(null as varchar) as segment_key, cast(null as varchar) as kind, cast(null as bigint) as ordinal,
    cast(null as varchar) as offer, cast(null as varchar) as trigger_data,
    true as matches, false as ignore_reentry
where false
