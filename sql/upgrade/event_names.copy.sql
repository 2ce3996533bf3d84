-- Each name of an older file's events once, found by leaps along its index.
with recursive names (location_id, event_name) as (
  select location_id, (select min(event_name) from old.events where location_id = l.location_id)
  from old.locations as l
  union all
  select location_id, (select min(event_name)
                       from old.events
                       where location_id = names.location_id
                         and event_name > names.event_name)
  from names
  where event_name is not null
)
insert into event_names (event_name)
select distinct event_name
from names
where event_name is not null
order by event_name;
