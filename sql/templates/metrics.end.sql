-- The event that followed a start, at the time that is known.
--   {filters}  a condition on an event e that may follow
with queried_locations as materialized (
  select j.key as location, l.location_key
  from json_each(:locations) as j
  cross join locations as l on l.location_id = j.value)
select e.event_id
from events as e indexed by events_by_name
where e.location_key = (select location_key from contacts where contact_key = :contact_key)
  and e.name_key     = (select coalesce(alias_of, name_key) from event_names where event_name = :then_name)
  and e.timestamp    = :ended_at
  and e.contact_key  = :contact_key
  and e.event_id    <> :event_id
  and {filters}
order by e.event_id
limit 1;
