-- The keys of a page of a location's events of one name, the newest arrival or update first.
select e.event_id, e.updated_at
from events as e indexed by events_by_arrival
where e.location_key = (select location_key from locations where location_id = :location_id)
  and e.updated_at <= :before_timestamp
  and (e.updated_at < :before_timestamp or e.event_id < :before_id)
  and e.name_key = (select coalesce(alias_of, name_key) from event_names where event_name = :event_name)
order by e.updated_at desc, e.event_id desc
limit :limit;
