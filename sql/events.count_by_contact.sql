-- How many events of one contact a location has in a range of time, :most at most.
select count(*)
from (select 1
      from epochs cross join events as e indexed by events_by_contact
      where e.location_id = :location_id
        and e.event_id >> 14 = epoch
        and e.contact_id = :contact_id
        and e.timestamp >= :from
        and e.timestamp < :to
      limit :most);
