-- When the newest event of a name came to each of some locations, before arrivals are kept.
select l.location_id,
       (select received_at
        from events indexed by events_by_name
        where location_key = l.location_key
          and name_key     = (select coalesce(alias_of, name_key) from event_names where event_name = :event_name)
          and timestamp   <= :now
        order by timestamp desc
        limit 1) as arrived_at
from json_each(:locations) as j
cross join locations as l on l.location_id = j.value;
