-- A page of a location's events, the newest arrival or update first.
select *
from events
where location_id = :location_id
  and updated_at <= :before_timestamp
  and (updated_at < :before_timestamp or event_id < :before_id)
order by updated_at desc, event_id desc
limit :limit;
