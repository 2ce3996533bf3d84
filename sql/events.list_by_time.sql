-- The keys of a page of a location's events, the newest first.
select e.event_id, e.timestamp
from events as e indexed by events_by_time
where e.location_key = (select location_key from locations where location_id = :location_id)
  and e.timestamp >= :from
  and e.timestamp < :to
  and e.timestamp <= :before_timestamp
  and (e.timestamp < :before_timestamp or e.event_id < :before_id)
order by e.timestamp desc, e.event_id desc
limit :limit;
