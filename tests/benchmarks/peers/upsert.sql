-- One event; the same distinct_id again updates it, and its timestamp stays.
insert into events (location_id, distinct_id, event_name, contact_id, timestamp, properties, received_at)
values (:location_id, :distinct_id, :event_name, :contact_id, :timestamp, :properties, :received_at)
on conflict (location_id, distinct_id) do update set
  event_name = excluded.event_name,
  contact_id = coalesce(excluded.contact_id, contact_id),
  properties = excluded.properties
returning event_id
