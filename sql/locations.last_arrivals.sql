-- The names of these locations, and when an event of each last arrived.
select o.location_id, o.name,
       (select max(updated_at)
        from events indexed by events_by_arrival
        where location_key = o.location_key) as last_event_at
from json_each(:locations) as l
cross join locations as o
where o.location_id = l.value;
