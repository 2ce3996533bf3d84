-- How many events of one contact and one name a location has in a range of time, :most at most.
-- The plus keeps SQLite from walking all events of the name; a contact has few.
select count(*)
from (select 1
      from events
      where location_id = :location_id
        and contact_id = :contact_id
        and +event_name = :event_name
        and timestamp >= :from
        and timestamp < :to
      limit :most);
