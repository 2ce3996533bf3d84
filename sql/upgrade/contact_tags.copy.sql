-- The tags of an older file's contacts.
insert into contact_tags (contact_key, tag, location_key)
select c.contact_key, t.tag, c.location_key
from old.contact_tags as t
cross join locations as l on l.location_id = t.location_id
cross join contacts  as c on c.location_key = l.location_key and c.contact_id = t.contact_id;
