-- The flows of one tick at :as_of. Who waits long enough goes on; who enters begins.
insert into messages
select e.flow, e.contact_id, case kind when 'welcome' then 'again' else 'nudge' end, enrolled_at, :as_of
from enrollments as e inner join flows using (flow)
where ended_at is null and enrolled_at <= :as_of - case kind when 'welcome' then to_days(2) else to_days(1) end
    and (kind = 'welcome' or not exists (
        select 1 from raw.events as bought
        where bought.contact_id = e.contact_id and event_name = 'purchase' and occurred_at >= enrolled_at
            and occurred_at <= :as_of
    ));

update enrollments set ended_at = :as_of from flows
where flows.flow = enrollments.flow and ended_at is null
    and enrolled_at <= :as_of - case kind when 'welcome' then to_days(2) else to_days(1) end;

create or replace temp table beginning as
select flow, entries.contact_id
from entries inner join flows using (segment) inner join raw.contacts using (contact_id)
where entries.tick_at = :as_of and not is_first and (kind = 'welcome' or email_subscribed)
    and not exists (
        select 1 from enrollments as e
        where e.flow = flows.flow and e.contact_id = entries.contact_id
            and (kind = 'welcome' or enrolled_at > :as_of - to_days(14))
    );

insert into enrollments select flow, contact_id, :as_of, null from beginning;
insert into messages select flow, contact_id, 'hello', :as_of, :as_of from beginning;
