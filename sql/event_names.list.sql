-- The names of a location's events, found by leaps along the index, with counts.
with recursive names (event_name) as (
  select min(event_name)
  from events
  where location_id = :location_id
  union all
  select (select min(event_name)
          from events
          where location_id = :location_id
            and event_name > names.event_name)
  from names
  where names.event_name is not null
)
select event_name,
       (select count(*)                   from events where location_id = :location_id and event_name = names.event_name) as count,
       (select count(distinct contact_id) from events where location_id = :location_id and event_name = names.event_name) as contact_count,
       (select max(timestamp)             from events where location_id = :location_id and event_name = names.event_name) as last_seen
from names
where event_name is not null
order by event_name;
