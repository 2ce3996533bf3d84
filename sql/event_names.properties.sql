-- The property keys of a name's newest events and the kinds of their values, out of :most_bytes of their properties.
with newest (event_id, timestamp, size) as materialized (
  select event_id, timestamp, octet_length(properties)
  from events indexed by events_by_name
  where location_key = (select location_key from locations where location_id = :location_id)
    and name_key = (select name_key from event_names where event_name = :event_name)
  order by timestamp desc
  limit 200
),
sample (event_id, total) as materialized (
  select event_id, sum(size) over (order by timestamp desc rows unbounded preceding)
  from newest
),
kinds (key, kind) as (
  select distinct each.key, case each.type when 'text' then 'text' else 'number' end
  from sample
  cross join events as e on e.event_id = sample.event_id
  cross join json_each(e.properties) as each
  where total <= :most_bytes
  order by 1, 2
)
select key, json_group_array(kind) as kinds
from kinds
group by key
order by key
limit :most;
