-- The keys of a page of the events behind a term's number, the newest first.
--   {distinct}  distinct, where an event may be there twice
--   {tags}      a join of the tags of an event's contact, t
--   {filters}   a condition on an event e
with queried_locations as materialized (
  select j.key as location, l.location_key
  from json_each(:locations) as j
  cross join locations as l on l.location_id = j.value)
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
limit :limit;
