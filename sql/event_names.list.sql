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
select names.event_name                    as event_name,
       count(*)                            as count,
       count(distinct events.contact_id)   as contact_count,
       max(events.timestamp)               as last_seen
from names
join events on events.location_id = :location_id and events.event_name = names.event_name
where names.event_name is not null
group by names.event_name
order by names.event_name;
