-- The first event names, and on which of some days events of each came, wherever.
select n.event_name,
       (select json_group_array(d.key)
        from json_each(:days) as d
        where exists (
          select 1
          from json_each(:locations) as j
          cross join locations as l on l.location_id = j.value
          cross join events as e indexed by events_by_name
          where e.location_key = l.location_key
            and e.name_key     = n.name_key
            and e.timestamp   >= d.value ->> 0
            and e.timestamp    < d.value ->> 1)) as days
from event_names as n
where n.alias_of is null
order by n.name_key
limit :most;
