-- A page of a location's contacts, the newest change first.
select *
from contacts
where location_id = :location_id
  and updated_at <= :before_time
  and (updated_at, contact_id, location_id) < (:before_time, :before_contact, :before_location)
order by updated_at desc, contact_id desc
limit :limit;
