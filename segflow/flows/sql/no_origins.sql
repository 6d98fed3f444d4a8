-- The shape of how subjects came in, without rows.
select cast(null as varchar) as subject_id, cast(null as varchar) as trigger_data, cast(null as varchar) as kind,
    cast(null as varchar) as segment, cast(null as varchar) as cause, cast(null as bigint) as entry_number
where false
