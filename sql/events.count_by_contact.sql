-- How many events of one contact a location has in a range of time, :most at most.
select count(*)
from (select 1
      from events as e indexed by events_by_contact
      where e.contact_key = (select contact_key
                             from contacts
                             where location_key = (select location_key from locations where location_id = :location_id)
                               and contact_id = :contact_id)
        and e.timestamp >= :from
        and e.timestamp < :to
      limit :most);
