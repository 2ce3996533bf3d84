-- Those of a JSON array of tags that the contact does not have yet.
insert into contact_tags (contact_key, tag, location_key)
select c.contact_key, value, c.location_key
from contacts as c, json_each(:tags)
where c.contact_key = :contact_key
on conflict do nothing;
