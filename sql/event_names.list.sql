-- The names of a location's events, found by leaps along the index, with counts and aliases.
with recursive names (location_key, name_key) as (
  select location_key, (select min(name_key) from events where location_key = l.location_key)
  from locations as l
  where location_id = :location_id
  union all
  select location_key, (select min(name_key)
                        from events
                        where location_key = names.location_key
                          and name_key > names.name_key)
  from names
  where name_key is not null
)
select n.event_name,
       (select count(*)                    from events as e where e.location_key = k.location_key and e.name_key = k.name_key) as count,
       (select count(distinct contact_key) from events as e where e.location_key = k.location_key and e.name_key = k.name_key) as contact_count,
       (select max(timestamp)              from events as e where e.location_key = k.location_key and e.name_key = k.name_key) as last_seen,
       (select event_name                   from event_names where name_key = n.alias_of) as alias_of,
       (select json_group_array(event_name) from event_names where alias_of = n.name_key) as aliases
from names as k
cross join event_names as n on n.name_key = k.name_key
order by n.event_name;
