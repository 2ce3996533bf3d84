-- A page of a location's events of one contact and one name, the newest first.
-- The plus keeps SQLite from walking all events of the name; a contact has few.
select event_id, event_name, location_id, distinct_id, contact_id, timestamp, properties, received_at, updated_at, update_count, warnings
from events
where location_id = :location_id
  and contact_id = :contact_id
  and +event_name = :event_name
  and timestamp >= :from
  and timestamp < :to
  and timestamp <= :before_timestamp
  and (timestamp < :before_timestamp or event_id < :before_id)
order by timestamp desc, event_id desc
limit :limit;
