-- The stored version of an event that has arrived again.
select event_id, event_name, location_id, distinct_id, contact_id, timestamp, properties, received_at, updated_at, update_count, warnings
from events
where location_id = :location_id
  and distinct_id = :distinct_id;
