-- When new events came. The newest counts, also where the clock was set back before it.
insert into arrivals (name_key, location_key, arrived_at)
select n.name_key, l.location_key, a.value ->> 2
from json_each(:arrivals) as a
cross join event_names as n on n.name_key = a.value ->> 0
cross join locations as l on l.location_key = a.value ->> 1
where true
on conflict (name_key, location_key) do update
set arrived_at = excluded.arrived_at;
