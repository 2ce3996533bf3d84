-- The contacts of an older file, in the order in which they came.
insert into contacts (location_key, contact_id, name, email, phone, source, type, date_created, fields, field_times, as_of, created_at, updated_at)
select l.location_key, c.contact_id, c.name, c.email, c.phone, c.source, c.type, c.date_created, c.fields, c.field_times, c.as_of, c.created_at, c.updated_at
from old.contacts as c
cross join locations as l on l.location_id = c.location_id
order by c.rowid;
