-- The contacts that steps of this tick delete, each once, with the step that came first.
with ranked as (
    select taken.contact_id, taken.flow, taken.step, taken.enrollment_id,
        row_number() over (partition by taken.contact_id order by taken.hop, taken.flow, taken.step, taken.enrollment_id)
            as turn
    from temp.taken as taken
    inner join temp.deleting_steps as steps on steps.flow = taken.flow and steps.step = taken.step
    where taken.action not in ('skipped', 'failed')
)

select contact_id, flow, step, enrollment_id from ranked where turn = 1
