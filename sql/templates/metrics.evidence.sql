-- A page of the events behind a term's number, the newest first. They are found by an index, and only those of the page are read,
-- but for properties in conditions.
--   {distinct}  distinct, where an event may be there twice
--   {tags}      a join of the tags of an event's contact, t
--   {filters}   a condition on an event e
with queried_locations as materialized (
  select j.key as location, l.location_key
  from json_each(:locations) as j
  cross join locations as l on l.location_id = j.value),
newest as materialized (
  select {distinct} e.timestamp, e.event_id
  from queried_locations as l
  cross join events as e indexed by events_by_name
  {tags}
  where e.location_key = l.location_key
    and e.name_key     = (select coalesce(alias_of, name_key) from event_names where event_name = :event_name)
    and e.timestamp   >= :start
    and e.timestamp    < min(:end, :before_timestamp + 1)
    and (e.timestamp < :before_timestamp or e.event_id < :before_id)
    and {filters}
  order by e.timestamp desc, e.event_id desc
  limit :limit)
select e.event_id, n.event_name, l.location_id, e.distinct_id, c.contact_id, e.timestamp, e.properties,
       e.received_at, e.updated_at, e.update_count, e.warnings, c.name as contact_name
from newest
cross join events      as e on e.event_id     = newest.event_id
cross join locations   as l on l.location_key = e.location_key
cross join event_names as n on n.name_key     = e.name_key
left join  contacts    as c on c.contact_key  = e.contact_key
order by newest.timestamp desc, newest.event_id desc;
