-- A page of a location's events of one contact, the newest first.
select event_id, event_name, location_id, distinct_id, contact_id, timestamp, properties, received_at, updated_at, update_count, warnings
from events
where location_id = :location_id
  and contact_id = :contact_id
  and timestamp >= :from
  and timestamp < :to
  and timestamp <= :before_timestamp
  and (timestamp < :before_timestamp or event_id < :before_id)
order by timestamp desc, event_id desc
limit :limit;
