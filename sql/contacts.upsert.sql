-- A new contact, or all that is now known of a stored one. Its location is there.
insert into contacts (location_key, contact_id, name, email, phone, source, type, date_created, fields, field_times, as_of, created_at, updated_at)
select location_key, :contact_id, :name, :email, :phone, :source, :type, :date_created, :fields, :field_times, :as_of, :created_at, :updated_at
from locations
where location_id = :location_id
on conflict (location_key, contact_id) do update
set name         = excluded.name,
    email        = excluded.email,
    phone        = excluded.phone,
    source       = excluded.source,
    type         = excluded.type,
    date_created = excluded.date_created,
    fields       = excluded.fields,
    field_times  = excluded.field_times,
    as_of        = excluded.as_of,
    updated_at   = excluded.updated_at
returning contact_key;
