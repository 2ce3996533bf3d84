-- A page of a location's events of one contact, the newest first.
select *
from events
where event_id in (select e.event_id
                   from epochs cross join events as e indexed by events_by_contact
                   where e.location_id = :location_id
                     and e.event_id >> 14 = epoch
                     and e.contact_id = :contact_id
                     and e.timestamp >= :from
                     and e.timestamp < :to
                     and e.timestamp <= :before_timestamp
                     and (e.timestamp < :before_timestamp or e.event_id < :before_id)
                   order by e.timestamp desc, e.event_id desc
                   limit :limit)
order by timestamp desc, event_id desc;
