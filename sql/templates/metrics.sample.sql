-- Which texts a term skips, since they are no numbers, among as many of its events as are read in no time.
--   {filters}  a condition on an event e
--   {raw}      the property of e
--   {x}        raw as the aggregation takes it, null where it does not
with queried_locations as materialized (
  select j.key as location, l.location_key
  from json_each(:locations) as j
  cross join locations as l on l.location_id = j.value),
raws as materialized (
  select {raw} as raw
  from queried_locations as l
  cross join events as e indexed by events_by_name
  where e.location_key = l.location_key
    and e.name_key     = (select coalesce(alias_of, name_key) from event_names where event_name = :event_name)
    and e.timestamp   >= :start
    and e.timestamp    < :end
    and {filters}
  limit :most)
select distinct raw
from raws
where raw is not null
  and {x} is null;
