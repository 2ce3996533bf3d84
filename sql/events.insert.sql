-- A new event. No row where its distinct_id is stored already, or where its location, name or contact is
-- not yet there, or its name is an alias.
insert into events (location_key, name_key, contact_key, distinct_id, timestamp, properties, received_at, updated_at, warnings)
select location_key, name_key, contact_key, :distinct_id, :timestamp, :properties, :received_at, :updated_at, :warnings
from (select (select location_key from locations where location_id = :location_id) as location_key,
             (select name_key from event_names where event_name = :event_name and alias_of is null) as name_key,
             (select contact_key
              from contacts
              where location_key = (select location_key from locations where location_id = :location_id)
                and contact_id = :contact_id) as contact_key)
where location_key is not null
  and name_key is not null
  and (:contact_id is null or contact_key is not null)
on conflict (location_key, distinct_id) do nothing
returning event_id;
