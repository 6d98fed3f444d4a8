-- The imports that earlier ticks have taken in.
select import_id from segflow.imports where tick_id <> :tick_id
