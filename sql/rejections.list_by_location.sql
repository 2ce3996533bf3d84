-- A page of one location's rejections, the newest first.
select rejection_id, received_at, code, path, query, content_type, body, truncated, problem, key_id, location_id, replayed_at
from rejections
where location_id = :location_id
  and rejection_id < :before
order by rejection_id desc
limit :limit;
