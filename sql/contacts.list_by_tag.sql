-- A page of a location's contacts with a tag, the newest change first.
select *
from contacts
where location_id = :location_id
  and contact_id in (select contact_id from contact_tags where location_id = :location_id and tag = :tag)
  and updated_at <= :before_time
  and (updated_at, contact_id, location_id) < (:before_time, :before_contact, :before_location)
order by updated_at desc, contact_id desc
limit :limit;
