-- The stored version of an event that has arrived again.
select *
from events
where location_id = :location_id
  and distinct_id = :distinct_id;
