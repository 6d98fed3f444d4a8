-- What the floor keeps from one tick to the next.
create table members (segment varchar, contact_id varchar);
create table entries (segment varchar, contact_id varchar, tick_at timestamp, is_first boolean);
create table exits (segment varchar, contact_id varchar, tick_at timestamp);
create table enrollments (flow varchar, contact_id varchar, enrolled_at timestamp, ended_at timestamp);
create table messages (flow varchar, contact_id varchar, step varchar, enrolled_at timestamp, tick_at timestamp);
create table flows (flow varchar, kind varchar, segment varchar);
