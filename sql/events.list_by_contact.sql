-- The keys of a page of a location's events of one contact, the newest first.
select e.event_id, e.timestamp
from epochs
cross join events as e indexed by events_by_contact
where e.event_id >> 14 = epoch
  and e.contact_key = (select contact_key
                       from contacts
                       where location_key = (select location_key from locations where location_id = :location_id)
                         and contact_id = :contact_id)
  and e.timestamp >= :from
  and e.timestamp < :to
  and e.timestamp <= :before_timestamp
  and (e.timestamp < :before_timestamp or e.event_id < :before_id)
order by e.timestamp desc, e.event_id desc
limit :limit;
