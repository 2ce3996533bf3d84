-- When the newest of the events with these ids came, of each name and location.
select name_key, location_key, max(event_id) as event_id, received_at
from events
where event_id > :after
  and event_id <= :until
group by name_key, location_key;
