-- A page of a location's contacts that a text is found in, the newest change first.
select *
from contacts
where location_id = :location_id
  and updated_at <= :before_time
  and (updated_at, contact_id, location_id) < (:before_time, :before_contact, :before_location)
  and (name like :pattern escape '\' or email like :pattern escape '\' or phone like :pattern escape '\')
order by updated_at desc, contact_id desc
limit :limit;
