-- A new contact, or all that is now known of a stored one.
insert into contacts ( location_id,  contact_id,  name,  email,  phone,  source,  type,  date_created,  fields,  field_times,  as_of,  created_at,  updated_at)
values               (:location_id, :contact_id, :name, :email, :phone, :source, :type, :date_created, :fields, :field_times, :as_of, :created_at, :updated_at)
on conflict (location_id, contact_id) do update
set name         = excluded.name,
    email        = excluded.email,
    phone        = excluded.phone,
    source       = excluded.source,
    type         = excluded.type,
    date_created = excluded.date_created,
    fields       = excluded.fields,
    field_times  = excluded.field_times,
    as_of        = excluded.as_of,
    updated_at   = excluded.updated_at;
