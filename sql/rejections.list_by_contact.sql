-- The rejections that name a contact, the newest first.
select *
from rejections indexed by rejections_by_contact
where location_id = :location_id
  and contact_id = :contact_id
order by rejection_id desc;
