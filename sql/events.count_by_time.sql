-- How many events a location has in a range of time.
select count(*) as events
from events
where location_id = :location_id
  and timestamp >= :from
  and timestamp < :to;
