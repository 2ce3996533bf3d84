-- How many events of one contact a location has in a range of time.
select count(*) as events
from events
where location_id = :location_id
  and contact_id = :contact_id
  and timestamp >= :from
  and timestamp < :to;
