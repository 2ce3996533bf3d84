-- Whether an event of this name has come to any of the locations.
select 1 as seen
from json_each(:locations) as l
cross join events as e indexed by events_by_name
where e.location_id = l.value
  and e.event_name  = :event_name
limit 1;
