-- One event by our own id.
select event_id, event_name, location_id, distinct_id, contact_id, timestamp, properties, received_at, updated_at, update_count, warnings
from events
where event_id = :event_id;
