-- The locations whose newest events of one contact and one name before the cursor are the newest of all: no others are on the page.
select location_id
from (select l.location_id,
             (select e.event_id
              from epochs
              cross join events as e indexed by events_by_contact
              where e.event_id >> 14 = epoch
                and e.contact_key = c.contact_key
                and e.name_key = (select coalesce(alias_of, name_key) from event_names where event_name = :event_name)
                and e.timestamp >= :from
                and e.timestamp < :to
                and e.timestamp <= :before_timestamp
                and (e.timestamp < :before_timestamp or e.event_id < :before_id)
              order by e.timestamp desc, e.event_id desc
              limit 1) as event_id
      from json_each(:locations) as j
      cross join locations as l on l.location_id = j.value
      cross join contacts  as c on c.location_key = l.location_key and c.contact_id = :contact_id) as newest
cross join events as e on e.event_id = newest.event_id
order by e.timestamp desc, e.event_id desc
limit :limit;
