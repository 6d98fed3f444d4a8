-- Two segments each: the members of both.
with sizes as (
    select positions.segment, positions.position, count(members.contact_id) as members
    from temp.positions as positions
    left join temp.overlapping as members on members.segment = positions.segment
    group by positions.segment, positions.position
),

shared as (
    select one.segment, other.segment as other, count(*) as contacts
    from temp.overlapping as one
    inner join temp.overlapping as other on other.contact_id = one.contact_id and other.segment <> one.segment
    group by one.segment, other.segment
)

select
    one.segment,
    other.segment as other,
    one.members,
    other.members as other_members,
    coalesce(shared.contacts, 0) as both,
    one.members - coalesce(shared.contacts, 0) as only_segment,
    other.members - coalesce(shared.contacts, 0) as only_other
from sizes as one
inner join sizes as other on other.position > one.position
left join shared on shared.segment = one.segment and shared.other = other.segment
order by one.position, other.position
