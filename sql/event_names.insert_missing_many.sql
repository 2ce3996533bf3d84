-- The names of many events.
insert into event_names (event_name)
select distinct value ->> 'event_name'
from jsonb_each(:events)
where true  -- else the parser takes "on" for a join's
on conflict (event_name) do nothing;
