-- Who is offered to flows beside those that cross a border: present members, or the contacts that a person named. Each
-- contact once per flow, by the trigger that it meets; a contact that meets none stays, so that the journal says so.
with members as (
    select asked.*, triggers.segment_key as edge_key, triggers.kind, triggers.ordinal, members.contact_id, true as matches
    from temp.asked as asked
    inner join temp.triggers as triggers on triggers.flow = asked.flow
    inner join segflow.segment_members as members on members.segment_key = triggers.segment_key
    where asked.offer <> 'enroll' and not asked.by_name and triggers.side = 'in' and coalesce(asked.segment_key = triggers.segment_key, true)
),

named as (
    select asked.*, triggers.segment_key as edge_key, triggers.kind, triggers.ordinal, contacts.contact_id,
        (members.contact_id is not null) = (triggers.side = 'in') as matches
    from temp.asked as asked
    inner join temp.asked_contacts as contacts on contacts.id = asked.id
    inner join temp.triggers as triggers on triggers.flow = asked.flow
    left join segflow.segment_members as members
        on members.segment_key = triggers.segment_key and members.contact_id = contacts.contact_id
    where asked.offer <> 'enroll' and asked.by_name and triggers.side is not null
        and coalesce(asked.segment_key = triggers.segment_key, true)
),

-- Whom a person enrolls need not meet a trigger.
by_hand as (
    select asked.*, cast(null as varchar) as edge_key, 'manual' as kind, 0 as ordinal, contacts.contact_id,
        true as matches
    from temp.asked as asked
    inner join temp.asked_contacts as contacts on contacts.id = asked.id
    where asked.offer = 'enroll' and asked.by_name
    union all
    select asked.*, cast(null as varchar) as edge_key, 'manual' as kind, 0 as ordinal, members.contact_id,
        true as matches
    from temp.asked as asked
    inner join segflow.segment_members as members on members.segment_key = asked.segment_key
    where asked.offer = 'enroll' and not asked.by_name
),

-- Whom a step of another flow sends need not, either.
by_step as (
    select asked.*, cast(null as varchar) as edge_key, 'flow' as kind, 0 as ordinal, calls.contact_id, true as matches
    from temp.calls as calls
    inner join temp.asked as asked on asked.flow = calls.flow
    where asked.offer = 'enter_flow' and calls.call = 'enter'
),

ranked as (
    select
        offered.*,
        row_number() over (
            partition by flow, contact_id order by matches desc, ignore_reentry desc, ordinal, offer, id
        ) as turn
    from (
        select * from members union all select * from named union all select * from by_hand
        union all select * from by_step
    ) as offered
)

select id, flow, contact_id, edge_key as segment_key, kind, ordinal, offer, cast(null as varchar) as trigger_data,
    matches, ignore_reentry
from ranked
where turn = 1
