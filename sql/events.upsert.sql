-- A new event, or a new version of a stored one, whose timestamp never moves.
insert into events ( location_id,  distinct_id,  event_name,  contact_id,  timestamp,  properties,  received_at,  updated_at)
values             (:location_id, :distinct_id, :event_name, :contact_id, :timestamp, :properties, :received_at, :updated_at)
on conflict (location_id, distinct_id) do update
set event_name   = excluded.event_name,
    contact_id   = excluded.contact_id,
    properties   = excluded.properties,
    updated_at   = excluded.updated_at,
    update_count = update_count + 1
returning *;
