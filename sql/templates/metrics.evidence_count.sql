-- How many events are behind a term's number.
--   {counted}  * for all, else what tells events apart that are there twice
--   {tags}     a join of the tags of an event's contact, t
--   {filters}  a condition on an event e
with queried_locations as materialized (
  select j.key as location, l.location_key
  from json_each(:locations) as j
  cross join locations as l on l.location_id = j.value)
select count({counted})
from queried_locations as l
cross join events as e indexed by events_by_name
{tags}
where e.location_key = l.location_key
  and e.name_key     = (select coalesce(alias_of, name_key) from event_names where event_name = :event_name)
  and e.timestamp   >= :start
  and e.timestamp    < :end
  and {filters};
