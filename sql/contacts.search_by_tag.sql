-- A page of a location's contacts with a tag that a text is found in, the newest change first.
select *
from contacts
where location_id = :location_id
  and contact_id in (select contact_id from contact_tags where location_id = :location_id and tag = :tag)
  and updated_at <= :before_time
  and (updated_at, contact_id, location_id) < (:before_time, :before_contact, :before_location)
  and (name like :pattern escape '\' or email like :pattern escape '\' or phone like :pattern escape '\')
order by updated_at desc, contact_id desc
limit :limit;
