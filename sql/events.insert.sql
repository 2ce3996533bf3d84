-- A new event; no row where its distinct_id is already stored.
insert into events ( location_id,  distinct_id,  event_name,  contact_id,  timestamp,  properties,  received_at,  updated_at)
values             (:location_id, :distinct_id, :event_name, :contact_id, :timestamp, :properties, :received_at, :updated_at)
on conflict (location_id, distinct_id) do nothing
returning event_id;
