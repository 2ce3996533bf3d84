-- Those of a JSON array of tags that the contact does not have yet.
insert into contact_tags (location_id, contact_id, tag)
select :location_id, :contact_id, value
from json_each(:tags)
where true
on conflict do nothing;
