-- Who is left of the audience of each broadcast, in the order of their turns: those who were members when its moment had
-- come.
with zones as (
    -- The zone of each contact is put here.
    select contact_id, zone from nobody
),

members as (
    select broadcasts.id, entries.contact_id
    from temp.broadcasts as broadcasts
    inner join temp.triggers as triggers on triggers.flow = broadcasts.flow and triggers.ordinal = broadcasts.ordinal
    inner join segflow.segment_entries as entries
        on entries.segment_key = triggers.segment_key and entries.tick_id <= broadcasts.fired_in
    left join segflow.segment_exits as exits
        on exits.segment_key = entries.segment_key and exits.contact_id = entries.contact_id
        and exits.entry_number = entries.entry_number and exits.tick_id <= broadcasts.fired_in
    where exits.contact_id is null
),

in_turn as (
    select broadcasts.id, broadcasts.flow, broadcasts.ordinal, broadcasts.zone, broadcasts.occasion,
        broadcasts.trigger_data, broadcasts.fires_at, broadcasts.up_to, broadcasts.allowed, members.contact_id,
        row_hash(broadcasts.flow, broadcasts.occasion, members.contact_id) as place
    from temp.broadcasts as broadcasts
    inner join members on members.id = broadcasts.id
    left join zones on zones.contact_id = members.contact_id
    where broadcasts.zone is null or broadcasts.zone = zones.zone
),

ranked as (
    select in_turn.*, row_number() over (partition by flow, ordinal order by fires_at, zone, place) as turn
    from in_turn
    where place > up_to
)

select ranked.*, coalesce(turn <= allowed, true) as offered from ranked
