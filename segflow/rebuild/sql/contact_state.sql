-- Every contact ever seen, and since when it is gone: what its last change says.
with ranked as (
    select contact_id, change, at, row_number() over (partition by contact_id order by tick_id desc) as newest
    from segflow.contact_changes
)

select contact_id, case when change = 'gone' then at end as gone_at from ranked where newest = 1
