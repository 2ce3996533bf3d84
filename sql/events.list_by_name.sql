-- A page of a location's events of one name, the newest first.
select *
from events
where location_id = :location_id
  and event_name = :event_name
  and timestamp >= :from
  and timestamp < :to
  and timestamp <= :before_timestamp
  and (timestamp < :before_timestamp or event_id < :before_id)
order by timestamp desc, event_id desc
limit :limit;
