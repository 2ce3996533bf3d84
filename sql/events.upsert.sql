-- A new event, or a new version of a stored one, whose timestamp never moves. What it names is there.
insert into events (location_key, name_key, contact_key, distinct_id, timestamp, properties, received_at, updated_at)
select location_key, name_key, contact_key, :distinct_id, :timestamp, :properties, :received_at, :updated_at
from (select (select location_key from locations where location_id = :location_id) as location_key,
             (select name_key from event_names where event_name = :event_name and alias_of is null) as name_key,
             (select contact_key
              from contacts
              where location_key = (select location_key from locations where location_id = :location_id)
                and contact_id = :contact_id) as contact_key)
where location_key is not null
  and name_key is not null
  and (:contact_id is null or contact_key is not null)
on conflict (location_key, distinct_id) do update
set name_key     = excluded.name_key,
    contact_key  = excluded.contact_key,
    properties   = excluded.properties,
    updated_at   = excluded.updated_at,
    update_count = update_count + 1
returning event_id;
