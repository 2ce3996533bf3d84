-- The events that were stored after a certain one.
select e.event_id, l.location_id, e.distinct_id
from events as e
cross join locations as l on l.location_key = e.location_key
where e.event_id > :event_id;
