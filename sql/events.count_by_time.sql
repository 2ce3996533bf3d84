-- How many events a location has in a range of time, :most at most.
select count(*)
from (select 1
      from events
      where location_id = :location_id
        and timestamp >= :from
        and timestamp < :to
      limit :most);
