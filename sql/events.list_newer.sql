-- The events that were stored after a certain one.
select event_id, location_id, distinct_id
from events
where event_id > :event_id;
