-- How many rejections name a contact.
select count(*)
from rejections
where location_id = :location_id
  and contact_id = :contact_id;
