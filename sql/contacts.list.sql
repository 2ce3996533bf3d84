-- The keys of a page of a location's contacts, the newest first.
select c.contact_key
from locations as l
cross join contacts as c indexed by contacts_by_location on c.location_key = l.location_key
where l.location_id = :location_id
  and c.contact_key < :before_key
order by c.contact_key desc
limit :limit;
