-- The shape of what a kind of trigger brings, without rows.
select cast(null as varchar) as flow, cast(null as varchar) as contact_id, cast(null as varchar) as segment_key,
    cast(null as varchar) as kind, cast(null as bigint) as ordinal, cast(null as varchar) as occasion,
    cast(null as timestamp) as happened_at, cast(null as varchar) as trigger_data, true as matches, true as may_wait
where false
