-- How many events of one contact these locations have in a range of time, :most at most.
select count(*)
from (select 1
      from json_each(:locations) as j
      cross join locations as l on l.location_id  = j.value
      cross join contacts  as c on c.location_key = l.location_key and c.contact_id = :contact_id
      cross join epochs
      cross join events    as e indexed by events_by_contact on e.event_id >> 14 = epoch and e.contact_key = c.contact_key
      where e.timestamp >= :from
        and e.timestamp < :to
      limit :most);
