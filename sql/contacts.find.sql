-- One contact.
select *
from contacts
where location_id = :location_id
  and contact_id = :contact_id;
