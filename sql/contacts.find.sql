-- One contact.
select location_id, contact_id, name, email, phone, source, type, date_created, fields, field_times, as_of, created_at, updated_at
from contacts
where location_id = :location_id
  and contact_id = :contact_id;
