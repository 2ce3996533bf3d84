-- When events of a name, or of one of its aliases, last came from each location.
with canonical as materialized (
  select coalesce(alias_of, name_key) as name_key
  from event_names
  where event_name = :event_name),
known as materialized (
  select name_key
  from canonical
  union all
  select n.name_key
  from canonical as c
  cross join event_names as n on n.alias_of = c.name_key)
select l.location_id, a.arrived_at
from known as k
cross join arrivals as a on a.name_key = k.name_key
cross join locations as l on l.location_key = a.location_key
where l.former_id is null;
