-- The property keys of a name's newest events and the kinds of their values.
with newest (properties) as materialized (
  select properties
  from events indexed by events_by_name
  where location_key = (select location_key from locations where location_id = :location_id)
    and name_key = (select name_key from event_names where event_name = :event_name)
  order by timestamp desc
  limit 200
),
kinds (key, kind) as (
  select distinct each.key, case each.type when 'text' then 'text' else 'number' end
  from newest, json_each(newest.properties) as each
  order by 1, 2
)
select key, json_group_array(kind) as kinds
from kinds
group by key
order by key;
