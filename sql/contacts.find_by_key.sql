-- One contact by our own key.
select c.contact_key, l.location_id, c.contact_id, c.name, c.email, c.phone, c.source, c.type, c.date_created,
       c.fields, c.field_times, c.as_of, c.created_at, c.updated_at
from contacts as c
cross join locations as l on l.location_key = c.location_key
where c.contact_key = :contact_key;
