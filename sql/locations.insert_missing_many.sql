-- The locations that many events name.
insert into locations (location_id, first_seen_at)
select distinct value ->> 'location_id', :now
from jsonb_each(:events)
where true  -- else the parser takes "on" for a join's
on conflict (location_id) do nothing;
