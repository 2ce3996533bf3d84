-- One contact.
select c.contact_key, l.location_id, c.contact_id, c.name, c.email, c.phone, c.source, c.type, c.date_created,
       c.fields, c.field_times, c.as_of, c.created_at, c.updated_at
from locations as l
cross join contacts as c on c.location_key = l.location_key
where l.location_id = :location_id
  and c.contact_id = :contact_id;
