-- Who is offered to flows beside those that cross a border: present members, or the contacts that a person named. Each
-- contact once per flow, by the trigger that it meets; a contact that meets none stays, so that the journal says so.
with members as (
    select asked.*, edges.segment_key as edge_key, edges.kind, edges.ordinal, members.contact_id, true as matches
    from temp.asked as asked
    inner join temp.edges as edges on edges.flow = asked.flow
    inner join segflow.segment_members as members on members.segment_key = edges.segment_key
    where not asked.by_name and edges.kind = 'enters' and coalesce(asked.segment_key = edges.segment_key, true)
),

named as (
    select asked.*, edges.segment_key as edge_key, edges.kind, edges.ordinal, contacts.contact_id,
        (members.contact_id is not null) = (edges.kind = 'enters') as matches
    from temp.asked as asked
    inner join temp.asked_contacts as contacts on contacts.id = asked.id
    inner join temp.edges as edges on edges.flow = asked.flow
    left join segflow.segment_members as members
        on members.segment_key = edges.segment_key and members.contact_id = contacts.contact_id
    where asked.by_name and coalesce(asked.segment_key = edges.segment_key, true)
),

ranked as (
    select
        offered.*,
        row_number() over (
            partition by flow, contact_id order by matches desc, ignore_reentry desc, ordinal, offer, id
        ) as turn
    from (select * from members union all select * from named) as offered
)

select id, flow, contact_id, edge_key as segment_key, kind, ordinal, offer, matches, ignore_reentry
from ranked
where turn = 1
